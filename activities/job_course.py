"""The course of a Job's move: one run of the version that is wanted, after what else of the app was still running has ended."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.courses import Course, Sight
from activities.refusals import Refusal
from activities.views import View
from activities.workloads import Workloads
from model import jobs
from model.apps import App
from model.errors import MooringError
from model.job_instances import as_it_was_left, has_failed_by_itself, still_running, taken_away
from model.jobs import RUN, Run, run_name, run_of
from model.layouts import Workload
from model.pod_templates import Object, instance_name
from model.pods import leaves
from model.troubles import LogRef, Seen


class JobCourse(Course):
    """One Job object a run. What has completed stays, with its logs, beside the run before it: an undo comes back to that.

    A run that failed in an earlier attempt of the operation is made again; one that this attempt made is told of.
    """

    def __init__(self, workloads: Workloads, app: App, *to: Any, **how: Any) -> None:
        super().__init__(workloads, app, *to, **how)
        self.pod_view = workloads.view(app, "Pod")
        self._pods_seen: dict[str, Object] = {}

    @property
    def tended(self) -> bool:
        """A look shows all."""
        return True

    @property
    def views(self) -> tuple[View, ...]:
        """What keeps a pod from running is not told by its Job."""
        return (self.workload_view, self.pod_view)

    async def look(self, *, fresh: bool) -> Sight:
        """Two requests, or none."""
        await asyncio.gather(*(view.look(fresh=fresh) for view in self.views))
        found, pods = dict(self.workload_view.objects), list(self.pod_view.objects.values())
        runs = {name: run_of(job) for name, job in found.items()}
        waited = self._waits_for(found, runs)
        mine = self._mine(found)
        surplus = self._surplus(found, runs)
        is_there = not self._workload.runs or mine is not None
        complete = not self._workload.runs or (mine is not None and run_of(mine).complete)
        placed = not waited and is_there
        return Sight(
            done=placed and complete and not surplus,
            placed=placed,
            message=self._told(waited, mine, pods),
            workloads=found,
            pods=self._pods(pods, mine),
            fresh=all(view.fresh for view in self.views),
            failed=self._workload.runs and mine is not None and bool(run_of(mine).failure),
        )

    async def act(self, sight: Sight, *, little: bool = True) -> None:
        """End what must not run beside the run, begin it when that is gone, and clear away what it leaves behind it.

        It begins by what was read just now only: two runs are not to be side by side.
        """
        if not sight.placed and not sight.fresh:
            sight = await self.look(fresh=True)
        found = sight.workloads
        runs = {name: run_of(job) for name, job in found.items()}
        waited = self._waits_for(found, runs)
        # What has failed already is left to end, for it is kept with its logs; but the run's own name is needed.
        ending = [name for name in waited if name == self._name or not runs[name].over]
        for name in (*ending, *self._surplus(found, runs)):
            if not leaves(found[name]):
                await self.workloads.drop(self.app, found[name])
                self.changed = True
        if self._workload.runs and not waited and self._mine(found) is None:
            revision = self.revisions[self._workload.revision]
            self.workload_view.learn(await self.workloads.put_run(self.app, revision, self._workload, self.run))
            self.changed = True

    def serving(self, sight: Sight) -> int:
        """How many have completed."""
        mine = self._mine(sight.workloads)
        return run_of(mine).succeeded if mine else 0

    async def refusal(self, sight: Sight) -> Refusal:
        """A Job says it by an event; read only where a pod is missing."""
        mine = self._mine(sight.workloads)
        if mine is None or sight.pods or run_of(mine).over:
            return Refusal()
        return await self.refusals.look(self.kind, [mine])

    def wanted_logs(self, seen: Seen) -> list[LogRef]:
        """Of all that ran: a program may have ended well and yet too late."""
        return jobs.wanted_logs(seen.pods)

    def dead_end(self, sight: Sight, seen: Seen) -> MooringError | None:
        """The run has failed, or no further try would do better."""
        return jobs.dead_end(self.app, self._mine(sight.workloads), seen) if self._workload.runs else None

    def cause_at_deadline(self, sight: Sight, seen: Seen) -> MooringError:
        """A run that is not over goes on by itself."""
        return jobs.cause_at_deadline(self.app, self._mine(sight.workloads), seen, sight.message)

    @property
    def _workload(self) -> Workload:
        (only,) = self.target.workloads
        return only

    @property
    def _name(self) -> str:
        return run_name(self.app.name, self._workload)

    def _mine(self, found: Mapping[str, Object]) -> Object | None:
        """The Job of the run, unless it is on its way out or failed for an earlier attempt."""
        job = found.get(self._name)
        return None if job is None or leaves(job) or self._is_stale(job) else job

    def _is_stale(self, job: Object) -> bool:
        made_by = job["metadata"].get("annotations", {}).get(RUN)
        return bool(run_of(job).failure and made_by != self.run)

    def _waits_for(self, found: Mapping[str, Object], runs: Mapping[str, Run]) -> list[str]:
        """The Jobs that have to be gone or to end before the run may begin: two of one app never run side by side."""
        others = [name for name, run in runs.items() if name != self._name and not run.ended]
        job = found.get(self._name) if self._workload.runs else None
        return [*others, *([self._name] if job and self._mine(found) is None else [])]

    def _surplus(self, found: Mapping[str, Object], runs: Mapping[str, Run]) -> list[str]:
        """What goes once the run is complete: all others but the newest that completed, which an undo would come back to."""
        mine = self._mine(found)
        if mine is None or not run_of(mine).complete:
            return []
        others = sorted((name for name in runs if name != self._name), key=lambda name: runs[name].began, reverse=True)
        kept = next((name for name in others if runs[name].complete and not leaves(found[name])), None)
        return [name for name in others if name != kept and runs[name].over]

    def _told(self, waited: list[str], mine: Object | None, pods: list[Object]) -> str:
        if waited:
            return f"{', '.join(waited)} has to end first"
        if not self._workload.runs:
            return "nothing is run for a version that is gone back to"
        if mine is None:
            return "its run has not begun"
        own = [pod for pod in pods if _is_of(pod, mine)]
        gone = [f"{instance_name(pod)} {words}" for pod in own if (words := taken_away(pod)) and not run_of(mine).over]
        return "; ".join(filter(None, [run_of(mine).message, still_running(own), *gone]))

    def _pods(self, pods: list[Object], mine: Object | None) -> list[Object]:
        """The run's pods, the newest first. Of a run that has failed also those that Kubernetes takes away, as they were.

        So one of them that is on its way out then was taken away by somebody else, also where that is heard of with the failure.
        """
        if mine is None:
            return []  # those of a run before it say nothing about the one to come
        there = {pod["metadata"]["name"]: pod for pod in pods if _is_of(pod, mine)}
        if not run_of(mine).failure:
            self._pods_seen = self._pods_seen | there
        else:
            seen = {name: pod for name, pod in self._pods_seen.items() if _is_of(pod, mine)}
            there = _as_they_were_left({**seen, **there}, seen, mine)
        return sorted(there.values(), key=_made, reverse=True)


def _as_they_were_left(pods: Mapping[str, Object], seen: Mapping[str, Object], job: Object) -> dict[str, Object]:
    """A failed run's pods by name: those that were removed for that as they were `seen` before."""
    run = run_of(job)
    by_itself = has_failed_by_itself(pods.values(), run.failure, job["spec"]["backoffLimit"])
    left = {name: as_it_was_left(pod, run.failed_at, by_itself=by_itself) for name, pod in pods.items()}
    ended = [name for name, pod in left.items() if pod is not pods[name] and name in seen]
    return left | {name: as_it_was_left(seen[name], run.failed_at, by_itself=by_itself) for name in ended}


def _is_of(pod: Object, job: Object) -> bool:
    return any(owner["uid"] == job["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences", []))


def _made(pod: Object) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
