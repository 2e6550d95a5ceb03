"""The course of a move, one per type of app: look where the instances stand, act as far as the limits allow, tidy up.

Each remembers nothing that matters but what it has seen: a worker that dies in between goes on from what the next one reads.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from activities.refusals import Refusal, Refusals
from activities.views import View
from activities.workloads import Workloads
from clients.kubernetes import resource_of
from model.apps import App, Revision
from model.diagnosis import cause_at_deadline, dead_end, refusal_of, troubles, wanted_logs
from model.errors import DeadlineExceeded, MooringError
from model.held import deletion_held, held
from model.layouts import Layout, Workload
from model.manifests import WORKLOAD_KINDS
from model.moves import Limits, Track, next_counts, worth_it
from model.pod_templates import TEMPLATE, Object
from model.pods import leaves
from model.rollouts import Rollout, rollout_of
from model.serving import proving_seconds, settle_seconds
from model.standing import Standing
from model.troubles import LogRef, Seen

_KUBERNETES_GRACE = 30
_TO_END = "Its instances may take their terminationGracePeriodSeconds to end; retry once they have."


@dataclass
class Sight:
    """What a look found: `placed` when every instance is of its version, `done` when those that matter serve too.

    `pods` are those of the wanted versions, None where they were not needed for the look. `again_in` is when something becomes
    so by the mere passing of time. Only a `fresh` look, read from the cluster, proves anything. `failed` says that it will not get
    there, and that the evidence may be gone in a moment.
    """

    done: bool
    placed: bool
    message: str
    workloads: Mapping[str, Object]
    pods: list[Object] | None = None
    again_in: float | None = None
    fresh: bool = True
    failed: bool = False
    standings: Mapping[str, Standing] = field(default_factory=dict)
    by_track: Mapping[str, Object] = field(default_factory=dict)


class Course(ABC):
    """The way of one app to `target`; `scope` names the tracks whose instances have to serve at its end.

    `run` is the attempt of the operation that goes it. Where it `proves` its versions, instances that come have to be ready for
    longer before others go for them.
    """

    def __init__(
        self,
        workloads: Workloads,
        app: App,
        target: Layout,
        revisions: Mapping[int, Revision],
        scope: frozenset[str],
        limits: Limits,
        run: str = "",
        *,
        proves: bool = False,
    ) -> None:
        self.workloads = workloads
        self.app = app
        self.target = target
        self.revisions = revisions
        self.scope = scope
        self.limits = limits
        self.run, self.proves = run, proves
        self.changed = False
        self.judged: Seen | None = None  # what was seen when it was judged last
        self.workload_view, self.refusals = workloads.view(app, self.kind), Refusals(workloads, app)
        # Of a layout that was never deployed there is none: its images were not found.
        deployed = [w for w in target.workloads if revisions[w.revision].digests]
        self.templates = {w.track: workloads.template(app, revisions[w.revision], w) for w in deployed}

    @property
    def kind(self) -> str:
        """The kind of the app's workloads."""
        return WORKLOAD_KINDS[self.app.type]

    @property
    @abstractmethod
    def tended(self) -> bool:
        """Whether all that a look does not show has been set right once, as after another worker's death."""

    @property
    def views(self) -> tuple[View, ...]:
        """What a look is made of, and whose changes call for another one."""
        return (self.workload_view,)

    @abstractmethod
    async def look(self, *, fresh: bool) -> Sight:
        """See where the instances stand: `fresh`, by reading, else by what is known where that can be relied on."""

    @abstractmethod
    async def act(self, sight: Sight, *, little: bool = True) -> None:
        """Change what may be changed now, unless `little` only what is worth a request; idempotent."""

    @abstractmethod
    async def refusal(self, sight: Sight) -> Refusal:
        """Why pods cannot even be made, where they cannot."""

    @abstractmethod
    def serving(self, sight: Sight) -> int:
        """How many instances serve, of all versions."""

    def wait_for_nobody(self) -> None:
        """Go on although nothing gets ready, and fewer serve: only a way back does, to what was not well either. Idempotent."""
        self.limits = Limits(least=0, most=self.limits.most)

    def wanted_logs(self, seen: Seen) -> list[LogRef]:
        """The logs that would tell why it does not get there."""
        return wanted_logs(seen.pods)

    def dead_end(self, sight: Sight, seen: Seen) -> MooringError | None:
        """The error that is certain by now; needs logs for its evidence."""
        return dead_end(seen)

    def cause_at_deadline(self, sight: Sight, seen: Seen) -> MooringError:
        """Why it is not done now that time is up."""
        wanted = sum(w.replicas for w in self.target.workloads if w.track in self.scope)
        if wanted or troubles(seen):
            return cause_at_deadline(seen, wanted)
        # It only takes instances away.
        return DeadlineExceeded(f"It is not done: {sight.message}.", hint="Look at the instances that are left; then retry.")

    async def pods(self, sight: Sight) -> list[Object]:
        """The pods of the wanted versions in `scope`, read where the look did not."""
        if sight.pods is None:
            wanted = {self.templates[track]["metadata"]["labels"][TEMPLATE] for track in self.scope if track in self.templates}
            found = await self.workloads.pods(self.app) if wanted else []
            sight.pods = [pod for pod in found if pod["metadata"]["labels"].get(TEMPLATE) in wanted]
        return sight.pods

    def settle_seconds(self, workload: Workload) -> int:
        """How long an instance has to be ready until it counts."""
        spec = self.revisions[workload.revision].spec
        return proving_seconds(spec) if self.proves else settle_seconds(spec)

    async def _put(self, workload: Workload, found: Object | None) -> None:
        revision = self.revisions[workload.revision]
        made = await self.workloads.put(self.app, revision, workload, found, self.settle_seconds(workload))
        # Its generation would count annotations too.
        self.changed = self.changed or found is None or _what_runs(found) != _what_runs(made)
        self.workload_view.learn(made)


class DeploymentCourse(Course):
    """One Deployment a version: counts move between them; a new spec of the same Deployment is rolled by Kubernetes."""

    _applied: frozenset[str] = frozenset()
    _waits = True
    _ending: Mapping[str, Object] = MappingProxyType({})  # Deployments of wanted tracks that are being deleted, by track

    def wait_for_nobody(self) -> None:
        """A Deployment that Kubernetes rolls by itself is told so, until it is applied again.

        Not while an earlier life of a wanted version is ending: others would go for what cannot be made yet.
        """
        if self._ending:
            return
        super().wait_for_nobody()
        if self._waits:
            self._waits, self._applied = False, frozenset()
            at_once = {"max_unavailable": "100%"}
            self.revisions = {
                n: r.model_copy(update={"spec": r.spec.model_copy(update=at_once)}) for n, r in self.revisions.items()
            }

    @property
    def tended(self) -> bool:
        """Each wanted Deployment was applied whole, but for those whose earlier life is ending."""
        return self._applied >= self.templates.keys() - self._ending.keys()

    async def look(self, *, fresh: bool) -> Sight:
        """One request, or none."""
        await self.workload_view.look(fresh=fresh)
        there = self.workload_view.by_track
        found = {track: item for track, item in there.items() if not leaves(item)}
        self._ending = {t: item for t, item in there.items() if leaves(item) and t in self.templates}
        rollouts = {track: rollout_of(item) for track, item in found.items()}
        placed = found.keys() == self.templates.keys() and all(
            self._is_told(w.track, found[w.track]) and rollouts[w.track].replaced and rollouts[w.track].wanted == w.replicas
            for w in self.target.workloads
        )
        done = placed and all(rollouts[w.track].done for w in self.target.workloads if w.track in self.scope)
        return Sight(done=done, placed=placed, message=self._told(rollouts), workloads=found, fresh=self.workload_view.fresh)

    def _told(self, rollouts: Mapping[str, Rollout]) -> str:
        if len(rollouts) == 1 and len(self.target.workloads) == 1 and self.target.workloads[0].track in rollouts:
            return rollouts[self.target.workloads[0].track].message
        words = []
        for w in self.target.workloads:
            now = rollouts.get(w.track)
            ready = min(now.ready, w.replicas) if now else 0
            told = f"{ready} of {w.replicas} instances of revision {w.revision} are ready"
            words.append(told + (now.proved if now else ""))
        others = [r for track, r in rollouts.items() if track not in self.templates]
        to_go, serve = sum(r.total for r in others), sum(r.ready for r in others)
        ending = "".join(f"; {words} first" for words in map(_has_to_end, self._ending.values()))
        return ", ".join(words) + (f", {to_go} others to go, {serve} of them ready" if to_go else "") + ending

    async def act(self, sight: Sight, *, little: bool = True) -> None:
        """Apply each wanted Deployment once whole, then only where its count moves; others shrink, and go when they are empty."""
        rollouts = {track: rollout_of(item) for track, item in sight.workloads.items()}
        now = {t: Track(wanted=r.wanted, total=r.total, available=r.available, seen=r.seen) for t, r in rollouts.items()}
        target = {w.track: w.replicas for w in self.target.workloads}
        possible = next_counts(now, target, self.limits)
        counts = possible if little else worth_it(possible, now, target, self.limits)
        rolls = any(self._is_told(track, item) and not rollouts[track].done for track, item in sight.workloads.items())
        for w in self.target.workloads:
            if w.track in self._ending:
                continue  # an earlier life of the version, taken away by a rollback; it is made anew when that is gone
            found = sight.workloads.get(w.track)
            if found is not None and not self._is_told(w.track, found):
                if rolls and self.limits.least:
                    continue  # each would take its own share of maxUnavailable: they are rolled one after the other
                rolls = True
            elif found is not None and counts[w.track] != possible[w.track]:
                continue  # it is applied with the count that waits
            if w.track not in self._applied or found is None or found["spec"]["replicas"] != counts[w.track]:
                await self._put(w.model_copy(update={"replicas": counts[w.track]}), found)
                self._applied |= {w.track}
        for track, found in sight.workloads.items():
            if track in self.templates or self._ending:
                continue
            if found["spec"]["replicas"] != counts[track]:
                self.workload_view.learn(await self.workloads.shrink(self.app, found, counts[track]))
                self.changed = True
            elif not counts[track] and not rollouts[track].total and rollouts[track].seen:
                await self.workloads.drop(self.app, found)
                self.changed = True

    def _is_told(self, track: str, found: Object) -> bool:
        """Whether a wanted Deployment has its template already."""
        wanted = self.templates.get(track)
        return wanted is not None and template_of(found) == wanted["metadata"]["labels"][TEMPLATE]

    def serving(self, sight: Sight) -> int:
        """As the Deployments say."""
        return sum(rollout_of(item).available for item in sight.workloads.values())

    def dead_end(self, sight: Sight, seen: Seen) -> MooringError | None:
        """None while an earlier life of a version is ending: its instances say nothing of the one to come."""
        return None if self._ending else super().dead_end(sight, seen)

    def cause_at_deadline(self, sight: Sight, seen: Seen) -> MooringError:
        """Also that an earlier life of a version has not ended, and what holds it."""
        if not self._ending:
            return super().cause_at_deadline(sight, seen)
        what = "The Deployment of before"
        if found := held(resource_of(self.kind), self._ending.values(), datetime.now(UTC)):
            return deletion_held(what, self.app.project, found)
        return DeadlineExceeded(f"It is not done: {sight.message}.", hint=_TO_END)

    async def refusal(self, sight: Sight) -> Refusal:
        """A Deployment says in a condition that there is something; of which version and when, its ReplicaSets' events do."""
        words = refusal_of(item for track, item in sight.workloads.items() if track in self.templates)
        if not words:
            return Refusal()
        wanted = {template["metadata"]["labels"][TEMPLATE] for template in self.templates.values()}
        sets = [item for item in await self.workloads.sets(self.app, wanted) if refusal_of([item])]
        return await self.refusals.look("ReplicaSet", sets, words) if sets else Refusal()


def _has_to_end(item: Object) -> str:
    """Which earlier life is waited for, and for how long at most."""
    grace = item["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", _KUBERNETES_GRACE)
    return f"what was taken away of {item['metadata']['name']} has to end, within its grace of {grace} s,"


def _what_runs(found: Object) -> Object:
    """The spec without how long what comes is proved, which changes no instance."""
    return {field: value for field, value in found["spec"].items() if field != "minReadySeconds"}


def template_of(found: Object) -> str:
    return str(found["spec"]["template"]["metadata"]["labels"][TEMPLATE])
