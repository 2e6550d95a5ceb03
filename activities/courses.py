"""The course of a move, one per type of app: look where the instances stand, act as far as the limits allow, tidy up.

Each remembers nothing that matters but what it has seen: a worker that dies in between goes on from what the next one reads.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from activities.refusals import Refusal, Refusals
from activities.together import side_by_side
from activities.views import View
from activities.workloads import Workloads
from model.apps import App, Revision
from model.diagnosis import cause_at_deadline, dead_end, refusal_of, troubles, wanted_logs
from model.errors import DeadlineExceeded, MooringError
from model.layouts import Layout, Workload
from model.manifests import WORKLOAD_KINDS, workload_name
from model.moves import Instance, Limits, Track, next_counts, next_instances, worth_it
from model.pod_templates import TEMPLATE, Object
from model.pods import leaves
from model.rollouts import Rollout, rollout_of
from model.serving import proving_seconds, settle_seconds
from model.standing import Standing, pods_by_track, standing_of
from model.troubles import LogRef, Seen


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
    _ending: Mapping[str, str] = MappingProxyType({})  # names of Deployments of wanted tracks that are being deleted, by track

    def wait_for_nobody(self) -> None:
        """A Deployment that Kubernetes rolls by itself is told so, until it is applied again."""
        super().wait_for_nobody()
        if self._waits:
            self._waits, self._applied = False, frozenset()
            at_once = {"max_unavailable": "100%"}
            self.revisions = {
                n: r.model_copy(update={"spec": r.spec.model_copy(update=at_once)}) for n, r in self.revisions.items()
            }

    @property
    def tended(self) -> bool:
        """Each wanted Deployment was applied whole."""
        return self._applied >= self.templates.keys()

    async def look(self, *, fresh: bool) -> Sight:
        """One request, or none."""
        await self.workload_view.look(fresh=fresh)
        there = self.workload_view.by_track
        found = {track: item for track, item in there.items() if not leaves(item)}
        self._ending = {t: item["metadata"]["name"] for t, item in there.items() if leaves(item) and t in self.templates}
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
        ending = f"; {', '.join(sorted(self._ending.values()))} of before has to end first" if self._ending else ""
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
            if track in self.templates:
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
        return wanted is not None and _template_of(found) == wanted["metadata"]["labels"][TEMPLATE]

    def serving(self, sight: Sight) -> int:
        """As the Deployments say."""
        return sum(rollout_of(item).available for item in sight.workloads.values())

    async def refusal(self, sight: Sight) -> Refusal:
        """A Deployment says in a condition that there is something; of which version and when, its ReplicaSets' events do."""
        words = refusal_of(item for track, item in sight.workloads.items() if track in self.templates)
        if not words:
            return Refusal()
        wanted = {template["metadata"]["labels"][TEMPLATE] for template in self.templates.values()}
        sets = [item for item in await self.workloads.sets(self.app, wanted) if refusal_of([item])]
        return await self.refusals.look("ReplicaSet", sets, words) if sets else Refusal()


class InstancesCourse(Course):
    """One StatefulSet an instance: each is changed on its own, in place where only images differ."""

    _addressed = False
    _waits = True

    def wait_for_nobody(self) -> None:
        """What still runs another version than it was told is not waited for either."""
        super().wait_for_nobody()
        self._waits = False

    def __init__(self, workloads: Workloads, app: App, *to: Any, **how: Any) -> None:
        super().__init__(workloads, app, *to, **how)
        self.pod_view = workloads.view(app, "Pod")

    @property
    def tended(self) -> bool:
        """Each instance has its address."""
        return self._addressed

    @property
    def views(self) -> tuple[View, ...]:
        """A pod changed in place tells nothing to its StatefulSet."""
        return (self.workload_view, self.pod_view)

    async def look(self, *, fresh: bool) -> Sight:
        """Two requests, however many instances, or none."""
        await asyncio.gather(*(view.look(fresh=fresh) for view in self.views))
        found = self.workload_view.by_track
        by_track, now = pods_by_track(list(self.pod_view.objects.values())), datetime.now(UTC)
        standings = {
            w.track: standing_of(
                w,
                self.templates[w.track],
                self.settle_seconds(w),
                found.get(w.track),
                by_track.get(w.track),
                now,
            )
            for w in self.target.workloads
        }
        here = {track for track, item in {**by_track, **found}.items() if track in self.scope or not leaves(item)}
        placed = here <= self.templates.keys() and all(map(self._is_placed, standings.values()))
        concerned = [s for s in standings.values() if s.track in self.scope]
        waited = [s for s in concerned if s.runs]
        soon = [(s.serves_at - now).total_seconds() for s in waited if s.serves_at and s.serves_at > now]
        return Sight(
            done=placed and all(s.available for s in waited),
            placed=placed,
            message=_told(self.app.name, standings, len(set(found) - set(self.templates))),
            workloads=found,
            # What is to end first is no instance of the version, and may be what it waits for.
            pods=[by_track[s.track] for s in concerned if s.track in by_track and ((s.runs and s.pod_right) or not s.pod_stays)],
            again_in=min(soon, default=None),
            standings=standings,
            by_track=by_track,
            fresh=all(view.fresh for view in self.views),
        )

    async def act(self, sight: Sight, *, little: bool = True) -> None:
        """Change the instances whose turn it is, some side by side."""
        wanted = self.target.by_track
        if not self._addressed:
            staying = [item for track, item in sight.workloads.items() if track in wanted]
            self.changed = await self.workloads.put_addresses(self.app, staying) or self.changed
            self._addressed = True

        async def change(track: str) -> None:
            if track in wanted:
                await self._bring(wanted[track], sight)
            else:
                await self.workloads.drop(self.app, sight.workloads[track])
                self.changed = True

        await side_by_side(change, next_instances(self._instances(sight), self.limits))

    def serving(self, sight: Sight) -> int:
        """As the pods say."""
        return sum(s.available for s in sight.standings.values())

    async def refusal(self, sight: Sight) -> Refusal:
        """A StatefulSet says it by an event; read only where a pod is missing."""
        concerned = [s for s in sight.standings.values() if s.track in self.scope]
        missing = [s.track for s in concerned if s.runs and s.set_right and s.track not in sight.by_track]
        sets = [sight.workloads[track] for track in missing if track in sight.workloads]
        return await self.refusals.look(self.kind, sets) if sets else Refusal()

    def _is_placed(self, standing: Standing) -> bool:
        """Whether an instance is of its version; of one that the move does not concern, as far as it is ours to do.

        Its pod may be missing because a node is lost or a quota is full: that is no reason to hold the others up.
        """
        if self._waits and standing.moves and standing.track in self.scope:
            return False
        return standing.right or (standing.set_right and not standing.pod_stays and standing.track not in self.scope)

    def _instances(self, sight: Sight) -> list[Instance]:
        """What is to end is not among those that serve: so it goes at once, and does not make room for changing others."""
        seen = [
            Instance(index=s.track, right=s.right, available=s.runs and s.available and self._follows(s.track, sight))
            for s in sight.standings.values()
        ]
        extra = [
            Instance(index=track, right=leaves(item), available=False)
            for track, item in sight.workloads.items()
            if track not in self.templates
        ]
        return [*seen, *extra]

    def _follows(self, track: str, sight: Sight) -> bool:
        """Whether the pod is what its StatefulSet says: else it was told something that it has not taken up."""
        found, pod = sight.workloads.get(track), sight.by_track.get(track)
        if found is None or pod is None or not found["spec"]["replicas"]:
            return False
        return bool(pod["metadata"]["labels"].get(TEMPLATE) == _template_of(found))

    async def _bring(self, workload: Workload, sight: Sight) -> None:
        """The template first, then the pod: one that dies in between comes back as wanted."""
        track = workload.track
        standing, found, pod = sight.standings[track], sight.workloads.get(track), sight.by_track.get(track)
        if found and leaves(found):
            return  # an earlier life of the index; it is made anew when that is gone
        if not standing.set_right:
            await self._put(workload, found)
        if workload.replicas and pod and not standing.pod_right and not leaves(pod):
            replaced = await self.workloads.replace(self.app, pod, self.templates[track])
            if replaced:
                self.pod_view.learn(replaced)
            self.changed = True


def _told(app: str, standings: Mapping[str, Standing], to_go: int) -> str:
    """How far, in words; ready is what serves, whatever it runs."""
    running = [s for s in standings.values() if s.runs]
    as_asked, ready = sum(s.right and not s.moves for s in standings.values()), sum(s.serves for s in running)
    words = f"{as_asked} of {len(standings)} instances are as asked, {ready} of {len(running)} ready"
    words += f", {to_go} to go" if to_go else ""
    moving = [workload_name(app, s.track) for s in standings.values() if s.moves]
    others = f" and {len(moving) - 3} more" if len(moving) > 3 else ""
    return words + (f"; what ran in {', '.join(moving[:3])}{others} before has not ended yet" if moving else "")


def _what_runs(found: Object) -> Object:
    """The spec without how long what comes is proved, which changes no instance."""
    return {field: value for field, value in found["spec"].items() if field != "minReadySeconds"}


def _template_of(found: Object) -> str:
    return str(found["spec"]["template"]["metadata"]["labels"][TEMPLATE])
