"""How many connections one person may hold open at once: each keeps one to the cluster open."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from model.errors import Conflict

EACH = 20
ALL = 200


class Seats:
    """Counts what is open in this process, all together and by person."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, person: str) -> Iterator[None]:
        """A seat for the time of the block; raises Conflict where the person has 20, or all have 200."""
        if self._taken[person] >= EACH:
            raise Conflict(f"{person!r} has {EACH} shells and followed logs open already.", hint="Close one of them first.")
        if self._taken.total() >= ALL:
            raise Conflict(f"{ALL} shells and followed logs are open already.", hint="Try again when some have been closed.")
        self._taken[person] += 1
        try:
            yield
        finally:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]
