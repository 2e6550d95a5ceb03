"""Waiting until an app's instances serve: hints by the shared watch, judged by a fresh read, dead ends told once certain."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.deadline import Deadline
from activities.progress import tell
from clients.kubernetes import Cluster, Object
from clients.observation import with_events, with_logs, with_nodes
from clients.watch import Changed, Watches
from model.apps import App, AppAsk
from model.base import Frozen
from model.diagnosis import Seen, cause_at_deadline, dead_end
from model.errors import Conflict
from model.manifests import TEMPLATE, selector
from model.rollouts import has_settled, rollout_of
from records import Records

_SHARE = 0.3  # of the time waited so far, between two reads
_SAFETY_NET = 10.0


class Ready(Frozen):
    """How many instances serve."""

    instances: int


class _Pace:
    """How often something is read: the first `free` times `least` seconds apart, then ever less often.

    The number of reads so grows with the logarithm of the time waited, however many instances send their hints.
    """

    def __init__(self, free: int, least: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._free = free
        self._least = least
        self.restart()

    def restart(self) -> None:
        """Begin anew: the first read may come after `least` seconds."""
        self._began = self._clock()
        self._next = self._began + self._least
        self._taken = 0

    @property
    def left(self) -> float:
        """Seconds until the next read may come, 0 when it may."""
        return max(0.0, self._next - self._clock())

    def took(self) -> None:
        """Say that a read was made."""
        self._taken += 1
        now = self._clock()
        waited = _SHARE * (now - self._began) if self._taken >= self._free else 0.0
        self._next = now + max(self._least, waited)


class AppReadiness:
    """The last step of create, start, upgrade and scale."""

    def __init__(self, records: Records, cluster: Cluster, watches: Watches) -> None:
        self._records = records
        self._cluster = cluster
        self._watches = watches

    @activity.defn(name="app.wait_ready")
    async def wait_ready(self, ask: AppAsk) -> Ready:
        """Wait until every instance is of the revision in force and serves; changes nothing.

        Raises, as soon as it is certain, else a little before the deadline, why it does not get there: ImageNotFound,
        CommandNotFound, CrashLoop, OutOfMemory, ProbeFailing, Unschedulable, QuotaExceeded, DeadlineExceeded; Conflict when
        somebody removed the Deployment.
        """
        app = await self._records.apps.by_id(ask.app_id)
        deadline, last = Deadline(), None
        reads, looks = _Pace(free=8, least=0.05), _Pace(free=1, least=1.0)
        async with (
            self._watches.subscribed("Deployment", app.project, app.name) as rolled,
            self._watches.subscribed("Pod", app.project, app.name) as moved,
        ):
            while True:
                found = await self._read(app)
                reads.took()
                rollout = rollout_of(found)
                await tell(rollout.message)
                if rollout.done and has_settled(await self._pods(app, found), datetime.now(UTC)):
                    return Ready(instances=rollout.available)
                if not deadline.left:
                    raise cause_at_deadline(await self._evidence(app, await self._look(app, found)), rollout.wanted)
                if rollout != last:  # it moves: nobody is looked at before it stands still for a moment
                    last = rollout
                    looks.restart()
                if not looks.left:
                    await self._raise_dead_end(app, found)
                    looks.took()
                await _either(rolled, moved, min(_SAFETY_NET, deadline.left, looks.left))
                await asyncio.sleep(min(reads.left, deadline.left))

    async def _read(self, app: App) -> Object:
        found = await self._cluster.find("Deployment", app.name, app.project)
        if found is None:
            raise Conflict(
                f"The Deployment {app.name!r} was removed while its instances were waited for.",
                hint="Retry: it is created again.",
            )
        return found

    async def _pods(self, app: App, found: Object) -> list[Object]:
        """The pods of the newest spec."""
        template = found["spec"]["template"]["metadata"]["labels"][TEMPLATE]
        chosen = f"{selector(app.id)},{TEMPLATE}={template}"
        pods: list[Object] = (await self._cluster.list("Pod", app.project, labelSelector=chosen))["items"]
        return pods

    async def _raise_dead_end(self, app: App, found: Object) -> None:
        """Raise the error that is certain already; what proves it is read only then."""
        seen = await self._look(app, found)
        error = dead_end(seen)
        if error:
            raise dead_end(await self._evidence(app, seen)) or error

    async def _look(self, app: App, found: Object) -> Seen:
        """The pods of the newest spec, and the nodes where one waits for a place."""
        return await with_nodes(self._cluster, Seen(pods=await self._pods(app, found), deployment=found))

    async def _evidence(self, app: App, seen: Seen) -> Seen:
        """The same with the pods' events and the last lines of what failed."""
        return await with_logs(self._cluster, app.project, await with_events(self._cluster, app.project, seen))


async def _either(one: Changed, other: Changed, seconds: float) -> None:
    """Wait for a hint of either, at most `seconds`."""
    waiting = [asyncio.create_task(changed.wait(seconds)) for changed in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
