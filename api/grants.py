"""Whether those who hold a connection open still may: one check for all streams and shells of a process.

A request is judged once; a stream, a followed log and a shell for as long as they last. Every token with something open is
looked up again in one query, however many there are, and each connection is judged as its request was.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import TypeVar

import structlog

from model.access import Actor
from model.errors import InternalError, MooringError, PlatformUnavailable, Unauthenticated
from records.people import PeopleStore

log = structlog.get_logger()
T = TypeVar("T")
Judge = Callable[[Actor], None]  # raises what the request would be refused with now
# What is revoked ends within 5 s: the time between two looks, that of a look, and some for the end itself.
_BETWEEN = 1.5
_LOOK = 2.0
_LONGEST_UNSURE = 4.0


class Grant:
    """One connection's right to go on: `lost` is set when it is gone, `error` then says why."""

    def __init__(self, token: bytes, judge: Judge) -> None:
        self.token = token
        self.judge = judge
        self.lost = asyncio.Event()
        self.error: MooringError | None = None

    def take(self, error: MooringError) -> None:
        """Take the right away; the first reason stays."""
        self.error = self.error or error
        self.lost.set()


class Grants:
    """All grants of a process; `opened` makes it."""

    def __init__(self, people: PeopleStore) -> None:
        self._people = people
        self._held: set[Grant] = set()
        self._some = asyncio.Event()

    @contextlib.contextmanager
    def held(self, token: bytes, judge: Judge) -> Iterator[Grant]:
        """The right of who has the token of that hash to keep a connection open, judged anew every 1.5 s."""
        grant = Grant(token, judge)
        self._held.add(grant)
        self._some.set()
        try:
            yield grant
        finally:
            self._held.discard(grant)
            if not self._held:
                self._some.clear()

    async def look_again(self) -> None:
        """Judge all that is held, for ever; one query every 1.5 s while anything is."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._some.wait()
            sure = clock()  # nobody is judged before the first look, and who joins later was judged by a request just now
            while self._held:
                await asyncio.sleep(_BETWEEN)
                began = clock()
                if await self._judge_all():
                    sure = began
                elif clock() - sure > _LONGEST_UNSURE - _BETWEEN:
                    self._give_up()

    async def _judge_all(self) -> bool:
        """Judge everybody by what is recorded now; whether that could be read."""
        grants = list(self._held)
        try:
            async with asyncio.timeout(_LOOK):
                actors = await self._people.actors({grant.token for grant in grants})
        except (PlatformUnavailable, TimeoutError) as error:
            log.warning("whether open connections are still allowed cannot be read", error=type(error).__name__)
            return False
        except Exception:
            # A fault of ours must not end the task: then nothing open would ever be judged again, and nobody would see it.
            log.exception("whether open connections are still allowed cannot be read")
            return False
        for grant in grants:
            _judge(grant, actors.get(grant.token))
        return True

    def _give_up(self) -> None:
        """What nobody can vouch for is not kept open."""
        for grant in self._held:
            grant.take(PlatformUnavailable("Whether you may still do this cannot be read from the platform's database."))


@contextlib.asynccontextmanager
async def opened(people: PeopleStore) -> AsyncIterator[Grants]:
    """The process's grants, looked after until the end of the block."""
    grants = Grants(people)
    looking = asyncio.create_task(grants.look_again())
    try:
        yield grants
    finally:
        looking.cancel()


def _judge(grant: Grant, actor: Actor | None) -> None:
    if actor is None:
        grant.take(Unauthenticated("Your token was revoked, or has expired."))
        return
    try:
        grant.judge(actor)
    except MooringError as error:
        grant.take(error)
    except Exception as error:
        log.exception("a grant cannot be judged, so it ends")
        grant.take(InternalError(f"The platform's own code failed: {type(error).__name__}."))


async def while_granted(grant: Grant, stream: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """What `stream` yields until it ends or the grant is lost, whichever comes first; the stream is closed then."""
    lost = asyncio.ensure_future(grant.lost.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(stream))
            await asyncio.wait({following, lost}, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                return
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        lost.cancel()
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await following
        await stream.aclose()
