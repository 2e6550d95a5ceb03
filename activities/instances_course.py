"""The course of a TApp's move: one StatefulSet an instance."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities.courses import Course, Sight, template_of
from activities.refusals import Refusal
from activities.together import side_by_side
from activities.views import View
from activities.workloads import Workloads
from model.apps import App
from model.layouts import Workload
from model.manifests import workload_name
from model.moves import Instance, next_instances
from model.pod_templates import TEMPLATE
from model.pods import leaves
from model.standing import Standing, pods_by_track, standing_of


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
        return bool(pod["metadata"]["labels"].get(TEMPLATE) == template_of(found))

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
