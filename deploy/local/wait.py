"""Bounded waiting on a condition; the only place of the platform's set-up that sleeps."""

import threading
import time
from collections.abc import Callable

INTERVAL = 0.1

# Set on Ctrl-C, so that whatever waits in a thread gives up at once.
interrupted = threading.Event()


class NotYetError(Exception):
    """The condition does not hold yet; the text says what is missing."""


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


def require(condition: bool, otherwise: str) -> None:
    """Raise NotYetError with the given words unless the condition holds."""
    if not condition:
        raise NotYetError(otherwise)


def pause(seconds: float) -> None:
    """Let some time pass before another try. Errors: Interrupted after Ctrl-C."""
    if interrupted.wait(seconds):
        raise Interrupted


def until(check: Callable[[], None], seconds: float) -> None:
    """Call `check` until it raises nothing.

    Errors: TimeoutError with the last failure's text after `seconds`; Interrupted after Ctrl-C.
    """
    end = time.monotonic() + seconds
    while True:
        if interrupted.is_set():
            raise Interrupted
        try:
            check()
        except Exception as failure:
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds:.0f} s: {failure}") from failure
            time.sleep(INTERVAL)
        else:
            return
