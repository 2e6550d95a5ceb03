"""The order of parts that depend on each other: each as soon as all it comes after are done (pure; graphlib)."""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter


class Order:
    """Hands out what may start now; what has failed is simply never done, so what comes after it never becomes ready."""

    def __init__(self, after: Mapping[str, Iterable[str]]) -> None:
        """`after` names for each part those it comes after; its own order is kept among parts that are ready together."""
        self._place = {part: number for number, part in enumerate(after)}
        self._sorter = TopologicalSorter(after)
        self._sorter.prepare()
        self._given: set[str] = set()

    def ready(self) -> list[str]:
        """The parts that may start now; each is handed out once."""
        parts = sorted(self._sorter.get_ready(), key=self._place.__getitem__)
        self._given.update(parts)
        return parts

    def done(self, part: str) -> None:
        """Say that a part that was handed out has succeeded."""
        self._sorter.done(part)

    def waiting(self) -> list[str]:
        """The parts that were never handed out."""
        return [part for part in self._place if part not in self._given]
