"""Waiting until an app's instances serve: hints by the shared watch, judged by a fresh read, dead ends told once certain."""

import asyncio

from temporalio import activity

from activities.deadline import Deadline
from activities.progress import tell
from clients.kubernetes import Cluster, Object
from clients.watch import Changed, Watches
from model.apps import App, AppAsk
from model.base import Frozen
from model.errors import Conflict, MooringError
from model.manifests import TEMPLATE, selector
from model.rollouts import rollout_of
from records import Records

_FIRST_LOOK = 1.0
_SAFETY_NET = 10.0


class Ready(Frozen):
    """How many instances serve."""

    instances: int


class _Pace:
    """Lets reads come at once at first and then ever less often: their number grows with the logarithm of the time waited,
    whatever the number of instances, and none comes later than `share` of the time waited so far."""

    def __init__(self, first: float, share: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._next = self._began + first
        self._first = first
        self._share = share

    @property
    def left(self) -> float:
        """Seconds until the next read may come, 0 when it may."""
        return max(0.0, self._next - self._clock())

    def took(self) -> None:
        """Say that a read was made."""
        now = self._clock()
        self._next = now + max(self._first, self._share * (now - self._began))


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
        deadline, reads, looks = Deadline(), _Pace(0.05, 0.08), _Pace(_FIRST_LOOK, 0.3)
        async with (
            self._watches.subscribed("Deployment", app.project, app.name) as rolled,
            self._watches.subscribed("Pod", app.project, app.name) as moved,
        ):
            while True:
                found = await self._read(app)
                reads.took()
                rollout = rollout_of(found)
                if rollout.done:
                    return Ready(instances=rollout.available)
                await tell(rollout.message)
                if not deadline.left:
                    raise await self._cause(app, found, certain=False)
                if not looks.left:
                    await self._raise_dead_end(app, found)
                    looks.took()
                await _either(rolled, moved, min(_SAFETY_NET, deadline.left, looks.left or _SAFETY_NET))
                await asyncio.sleep(min(reads.left, deadline.left))
