"""The loop of a move: look, act, judge, rest, until it is done, cannot be done, or stands still long enough to be suspended."""

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.courses import Course, Sight
from activities.deadline import Deadline
from activities.judging import Judge
from activities.pace import Pace
from activities.patience import Patience
from activities.progress import tell, unchanged
from activities.suspensions import Suspensions
from activities.views import SAFETY_NET, View
from model.apps import DEFAULT_DEADLINE, MoveApp
from model.errors import DeadlineExceeded
from model.rollouts import has_settled
from model.suspension import NoRoom, Suspended, look_of
from records import Records

_TO_GET_READY = float(DEFAULT_DEADLINE)  # seconds without any change after which a way back waits for no instance any more
_ACTIVE = 5.0  # seconds for which a move that stands still goes on looking: what is quick costs no suspension
_TO_PROVE = 10.0  # and at most so many more, where what is ready has to stay so for a while until it counts
_TO_SUSPEND = 20.0  # seconds that have to be left until the deadline
_TO_BE_PATIENT = 5.0  # and until there has been no room for too long
_TO_JUDGE = 3.0
_TO_JUDGE_AGAIN = 0.2
_TO_BE_REFUSED_AGAIN = 15.0  # seconds that the controllers may take to try again what they were asked to


class MoveLoop:
    """One try's way along a course, whose views are told by watches; `back` never waits for more than versions."""

    def __init__(
        self, records: Records, judge: Judge, suspensions: Suspensions, course: Course, ask: MoveApp, *, back: bool
    ) -> None:
        self._records = records
        self._judge = judge
        self._suspensions = suspensions
        self._course = course
        self._ask = ask
        self._back = back
        self._suspended_before = look_of(activity.info().activity_id)
        self._deadline = Deadline()
        self._reads = Pace(free=3, least=0.1)
        self._looks = Pace(free=1, least=_TO_JUDGE_AGAIN if self._suspended_before else _TO_JUDGE)
        self._patience = Patience(ask)
        self._no_room: NoRoom | None = None  # as it was when the step was suspended before
        self._last = self._waits = ""
        self._notice = f"; {ask.notice}" if ask.notice and not back else ""  # holds until a look has found otherwise
        self._began = self._moved_at = 0.0
        self._read_at = -SAFETY_NET
        self._refused_at = math.inf

    async def run(self) -> Sight | Suspended:
        """Go until every instance is of its version and, unless it goes back, serves; raise what keeps them from it."""
        if self._suspended_before:
            self._no_room = await self._suspensions.no_room(self._ask.operation_id)
        while True:
            sight = await self._look()
            if self._back and await left_to_another(self._records, self._ask):
                return sight
            ends = self._course.tended and (sight.placed if self._back else sight.done)
            if (ends or not self._deadline.left) and not sight.fresh:
                self._read_at -= SAFETY_NET
                continue
            if ends and (self._back or has_settled(await self._course.pods(sight), datetime.now(UTC))):
                return sight
            if not self._deadline.left:
                if self._back:
                    raise DeadlineExceeded(f"Going back is not done: {sight.message}.")
                raise await self._judge.cause_at_deadline(self._course, sight, self._deadline.reads_end)
            await self._act(sight)
            await self._check(sight)
            if self._stands_still(sight) and (suspended := await self._suspend()):
                return suspended
            await self._rest(sight)

    async def _look(self) -> Sight:
        self._began = time.monotonic()
        sight = await self._course.look(fresh=self._began - self._read_at >= SAFETY_NET)
        self._reads.took(time.monotonic() - self._began)
        self._read_at = self._began if sight.fresh else self._read_at
        self._waits = self._waits if sight.message == self._last else self._notice
        await tell(sight.message + self._waits)
        return sight

    async def _act(self, sight: Sight) -> None:
        """Change what may be changed now; while it moves nobody is blamed, before it stands still for a moment."""
        known, self._course.changed = self._course.changed, False
        await self._course.act(sight, little=not self._looks.left)
        acted, self._course.changed = self._course.changed, self._course.changed or known
        if acted:
            self._reads.restart()
        if acted or sight.message != self._last:
            self._last = sight.message
            self._looks.restart()
            self._patience.restart()
            no_room, self._no_room = self._no_room, None
            if no_room and not acted and sight.message == no_room.told:
                self._patience.begin(no_room.waited)
            self._moved_at = self._began
        elif self._back and self._began - self._moved_at >= _TO_GET_READY:
            self._course.wait_for_nobody()

    async def _check(self, sight: Sight) -> None:
        """Have it judged, where it is time to, what keeps the instances from serving."""
        if sight.failed or not self._looks.left or not self._patience.left:
            try:
                async with asyncio.timeout(self._deadline.left):
                    self._waits = await self._judge.check(self._course, sight, self._patience, back=self._back)
            except TimeoutError:
                return  # its time is up: the cause is told by what is known
            self._notice = self._notice if self._waits else ""
            await tell(sight.message + self._waits)
            self._looks.took()
            if self._refused_at == math.inf and self._course.judged and self._course.judged.refusal:
                self._refused_at = self._began

    def _stands_still(self, sight: Sight) -> bool:
        """Whether only a change of the cluster's, or much time, leads on from here.

        Not where it is about to run out of time or patience, only has to stay as it is, or is refused by what was asked to try
        again: no event of a watch tells of these. A Job is seen through: what Kubernetes takes away of a run that fails is told by
        what was seen of it before.
        """
        active = _ACTIVE + min(_TO_PROVE, max(map(self._course.settle_seconds, self._course.target.workloads), default=0))
        quiet = time.monotonic() - self._moved_at >= (0.0 if self._suspended_before else active)
        out_of_time = self._deadline.left <= _TO_SUSPEND or self._patience.left <= _TO_BE_PATIENT
        asked_again = 0 <= time.monotonic() - self._refused_at < _TO_BE_REFUSED_AGAIN
        waits_for_time = sight.done or sight.again_in is not None or out_of_time or asked_again
        course = self._course
        return (
            quiet and bool(self._looks.taken) and course.tended and not (waits_for_time or self._back or course.app.type == "Job")
        )

    async def _suspend(self) -> Suspended | None:
        """Leave the rest of the wait to whoever hears of a change; None where one came meanwhile, or may have been missed."""
        app, ask = self._course.app, self._ask
        kinds = {*(view.kind for view in self._course.views), "Pod"}
        workflow_id = activity.info().workflow_id or ""
        waited = self._patience.waited
        no_room = None if waited is None else NoRoom(waited=waited, told=self._last)
        place, look = (app.project, app.name), self._suspended_before
        suspended = await self._suspensions.suspend(ask, workflow_id, place, kinds, look, no_room)
        if suspended and not any(view.hints is None or view.hints.pending for view in self._course.views):
            return suspended.model_copy(update={"seconds": min(suspended.seconds, self._patience.left)})
        await self._suspensions.release(ask.operation_id)
        return None

    async def _rest(self, sight: Sight) -> None:
        soon = [sight.again_in] if sight.again_in is not None else []
        await _any(self._course.views, min(SAFETY_NET, self._deadline.left, self._looks.left, self._patience.left, *soon))
        await asyncio.sleep(min(self._reads.left, self._deadline.left, self._patience.left))


async def left_to_another(records: Records, ask: MoveApp) -> bool:
    """Whether another operation took the app over and sees to its instances itself."""
    taken = (await records.operations.get(ask.operation_id))["preempted_by"]
    if taken:
        unchanged(f"left to {taken}, which takes the app over")
    return bool(taken)


async def _any(views: Sequence[View], seconds: float) -> None:
    """Wait until something is told to any of the views, at most `seconds`."""
    waiting = [asyncio.create_task(view.hints.wait(seconds)) for view in views if view.hints]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
