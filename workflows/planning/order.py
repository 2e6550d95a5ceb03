"""The order of parts that depend on each other: each as soon as all it comes after are done (pure; graphlib)."""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter


class Order:
    """Hands out what may start now; what comes after a part that failed never becomes ready."""

    def __init__(self, after: Mapping[str, Iterable[str]]) -> None:
        """`after` names for each part those it comes after; its own order is kept among parts that are ready together."""
        self._place = {part: number for number, part in enumerate(after)}
        self._sorter = TopologicalSorter(after)
        self._sorter.prepare()
        self._given: set[str] = set()
        self._open: list[str] = []
        self._running = 0
        self._at_once: int | None = None

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self._place)

    def take_turns(self, at_once: int) -> None:
        """Have no more than so many parts handed out at a time."""
        self._at_once = at_once

    def ready(self) -> list[str]:
        """The parts that may start now; each is handed out once."""
        self._open = sorted([*self._open, *self._sorter.get_ready()], key=self._place.__getitem__)
        free = len(self._open) if self._at_once is None else self._at_once - self._running
        parts, self._open = self._open[:free], self._open[free:]
        self._running += len(parts)
        self._given.update(parts)
        return parts

    def done(self, part: str) -> None:
        """Say that a part that was handed out has succeeded."""
        self._running -= 1
        self._sorter.done(part)

    def failed(self, part: str) -> None:
        """Say that a part that was handed out has failed: what comes after it never becomes ready."""
        self._running -= 1

    def waiting(self) -> list[str]:
        """The parts that were never handed out."""
        return [part for part in self._place if part not in self._given]
