"""Judging whether a move can get where it goes: what is certain ends it, what may still come right is told while it waits."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

from activities.courses import Course, Sight
from activities.patience import Patience
from activities.withheld import withheld_groups
from clients.hosts import with_hosts
from clients.kubernetes import Cluster
from clients.observation import read_together, with_events, with_logs, with_nodes, with_platforms
from model.diagnosis import of_some, room_is_coming, room_is_ordered, shortage, waits_for, wants_events, wants_words
from model.errors import DeadlineExceeded, MooringError
from model.held import held
from model.troubles import Seen
from model.veil import Hide, veiled
from records import Records


class Judge:
    """Looks at what keeps the instances of a course from serving."""

    def __init__(self, records: Records, cluster: Cluster) -> None:
        self._records = records
        self._cluster = cluster

    async def check(self, course: Course, sight: Sight, patience: Patience, *, back: bool) -> str:
        """Raise the error that is certain already; going back, what cannot serve is no reason to stay: it is not waited for.

        Else the words to add to how far it is: what the instances wait for that they may get yet, "" where nothing is. Raises that
        there is no room for them too, when the patience for it is over.
        """
        seen, error = await self._judged(course, sight)
        if error and not sight.fresh:
            sight = await course.look(fresh=True)
            seen, error = await self._judged(course, sight)
        if error and back:
            course.wait_for_nobody()
        elif error:
            raise course.dead_end(sight, await self._evidence(course, seen)) or error
        course.judged = seen
        if back or not shortage(seen) or room_is_coming(seen):
            patience.restart()
        else:
            await self._check_patience(course, seen, patience)
        words = waits_for(seen)
        return f"; {(await self._hide(course, seen))(words)}" if words else ""

    async def cause_at_deadline(self, course: Course, sight: Sight, until: float) -> MooringError:
        """Why it is not done now that time is up: by what can be read `until` then, by the loop's clock, else by what is known.

        The pods may take half of the time. What is not read in the rest is missing from the evidence, and not the cause.
        """
        now, known = asyncio.get_running_loop().time(), course.judged
        try:
            async with asyncio.timeout_at((now + until) / 2):
                seen = await self._pods(course, sight)
        except TimeoutError:
            if known is None:
                return DeadlineExceeded(f"It is not done in time: {sight.message}. What it waits for could not be read any more.")
            seen = known
        if known:
            seen = seen.model_copy(update={"events": known.events, "logs": known.logs})
        beside = with_hosts(self._cluster, seen), with_nodes(self._cluster, seen)
        return course.cause_at_deadline(sight, await self._evidence(course, seen, *beside, until=until))

    async def _check_patience(self, course: Course, seen: Seen, patience: Patience) -> None:
        """Raise that there is no room, unless it is early, or an autoscaler of nodes brings some."""
        patience.begin()
        if patience.left:
            return
        seen = await self._evidence(course, seen)
        error = shortage(seen, waited=patience.seconds)
        if error and not room_is_ordered(seen):
            raise error
        patience.restart()

    async def _judged(self, course: Course, sight: Sight) -> tuple[Seen, MooringError | None]:
        """What is seen, and the error that is certain by it; logs and events are read where they would tell it now."""
        seen = await self._look(course, sight)
        error = course.dead_end(sight, seen)
        if error:
            return seen, error
        if wants_words(seen.pods):
            seen = await self._evidence(course, seen)
        elif wants_events(seen):
            seen = of_some(await with_events(self._cluster, course.app.project, seen))
            seen = veiled(seen, await self._hide(course, seen))
        else:
            return seen, None
        return seen, course.dead_end(sight, seen)

    async def _look(self, course: Course, sight: Sight) -> Seen:
        """The pods, the nodes where one waits for a place, and hosts that do not report."""
        seen = await self._pods(course, sight)
        return await read_together(seen, with_hosts(self._cluster, seen), with_nodes(self._cluster, seen))

    async def _pods(self, course: Course, sight: Sight) -> Seen:
        """The pods of the wanted versions, why others cannot even be made, and missing groups."""
        pods, refusal = await asyncio.gather(course.pods(sight), course.refusal(sight))
        withheld = await withheld_groups(self._records, course.app, pods)
        now = datetime.now(UTC)
        ending = held("pods", pods, now)
        return Seen(pods=pods, refusal=refusal.words, refused_again=refusal.again, withheld=withheld, held=ending, at=now)

    async def _evidence(self, course: Course, seen: Seen, *more: Awaitable[Seen], until: float | None = None) -> Seen:
        """The same with the pods' events, the last lines of what failed, and what `more` readings add; the secrets in it hidden."""
        project, wanted = course.app.project, course.wanted_logs(seen)
        found, logged = await asyncio.gather(
            read_together(seen, with_events(self._cluster, project, seen), *more, until=until),
            with_logs(self._cluster, project, seen, wanted, until=until),
        )
        found = found.model_copy(update={"logs": logged.logs})
        found = await read_together(found, with_platforms(self._cluster, found), until=until)
        return veiled(found, await self._hide(course, found))

    async def _hide(self, course: Course, seen: Seen) -> Hide:
        """What hides the instances' secrets in what is told of them: a record keeps it."""
        return await self._records.configs.veil(course.app.project_id, seen.pods)
