"""Instances that do not end when they are told to, and what their end took (Kubernetes: Termination of Pods)."""

from collections.abc import Iterable
from typing import Self

from model.base import Frozen
from model.pod_templates import instance_name
from model.pods import Object, is_over

_MOST_NAMED = 3


class Ending(Frozen):
    """Instances that still run although they were told to end some seconds ago, and the longest grace that they have."""

    names: tuple[str, ...]
    grace: int

    @classmethod
    def of(cls, pods: Iterable[Object]) -> Self | None:
        """What is known of those that have not ended, None where all have."""
        there = [pod for pod in pods if not is_over(pod)]
        if not there:
            return None
        grace = max(pod["spec"].get("terminationGracePeriodSeconds", 30) for pod in there)
        return cls(names=tuple(sorted(instance_name(pod) for pod in there)), grace=grace)

    @property
    def words(self) -> str:
        """What they are waited for."""
        return f"{self._who} been told to end (SIGTERM) and still runs: it is killed {self.grace} s after that"

    @property
    def afterwards(self) -> str:
        """What to mend where they had to be killed."""
        return (
            f"{self._who} not ended within its grace of {self.grace} s and was killed: its program does not end at SIGTERM. As the "
            "first process of a container a program has to handle it itself; a shell script passes it on only by `exec PROGRAM`. "
            "Mend that, or lower terminationGracePeriodSeconds"
        )

    def was_killed_after(self, seconds: float) -> bool:
        """Whether an end that took so long was no program's own."""
        return seconds >= self.grace

    @property
    def _who(self) -> str:
        more = f" and {len(self.names) - _MOST_NAMED} more" if len(self.names) > _MOST_NAMED else ""
        return f"{', '.join(self.names[:_MOST_NAMED])}{more} has"
