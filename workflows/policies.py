"""The named, bounded ways to run a step (Temporal: activity timeouts and retry policies).

Attempts are not counted out: a transient failure is tried again until the operation's deadline, a definite one is raised as
non-retryable by the worker's interceptor at once. How long a failure is left alone the worker says (model/backoff.py); what
ended without a word, because its worker died or was not heard of, is tried again by the policy here. The heartbeat, and its
timeout, are the worker's (worker/interceptors.py).
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=15))


@dataclass(frozen=True)
class Policy:
    """How long one try may take (None: until the operation's deadline) and how it is tried again."""

    one_try: timedelta | None

    @property
    def retry(self) -> RetryPolicy:
        """Between tries of which nothing was heard: quick at first, never slower than 15 s."""
        return _RETRY


QUICK = Policy(one_try=timedelta(seconds=30))
WATCH = Policy(one_try=None)
# Taking back waits for what ends slowly (a termination grace) and for a cluster that is away; it has no part in the deadline.
UNDO_WITHIN = timedelta(minutes=15)
