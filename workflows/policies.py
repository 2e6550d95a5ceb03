"""The named, bounded ways to run a step (Temporal: activity timeouts and retry policies).

Attempts are not counted out: a transient failure is tried again until the operation's deadline, a definite one is raised as
non-retryable by the worker's interceptor at once. The heartbeat, and its timeout, are the worker's (worker/interceptors.py).
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=3))


@dataclass(frozen=True)
class Policy:
    """How long one try may take (None: until the operation's deadline) and how it is tried again."""

    one_try: timedelta | None

    @property
    def retry(self) -> RetryPolicy:
        """Between tries: quick at first, never slower than 3 s."""
        return _RETRY


QUICK = Policy(one_try=timedelta(seconds=30))
WATCH = Policy(one_try=None)
# Taking back waits for what ends slowly (a termination grace) and for a cluster that is away; it has no part in the deadline.
UNDO_WITHIN = timedelta(minutes=15)
