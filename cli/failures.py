"""What can go wrong for a person at the terminal, each with what to do next.

Failure
├── Refused        the API said no: its Code, Message and Reason
├── Unreachable    nothing answers at the url, or not for a moment
├── Foreign        what answers is not Mooring
├── SignedOut      no url or token is known
└── Interrupted    the person stopped watching
"""

from typing import Any


class Failure(Exception):
    """The root: `body` is what `--json` shows, in the API's own shape; `in_the_way` the record of the operation it names."""

    reason = "Failure"
    transient = False
    in_the_way: dict[str, Any] | None = None
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"Code": 1, "Message": message, "Reason": self.reason}


class Refused(Failure):
    """The API's own refusal; `status` is the HTTP status, `retry_after` after how many seconds it may be asked again, if it may."""

    def __init__(self, status: int, body: dict[str, Any], retry_after: int | None = None) -> None:
        super().__init__(str(body["Message"]))
        self.status = status
        self.retry_after = retry_after
        self.body = body
        self.reason = str(body["Reason"])
        self.transient = status in (502, 503, 504)


class Unreachable(Failure):
    """No connection, or it broke; trying again may help."""

    reason = "Unreachable"
    transient = True


class Foreign(Failure):
    """Something answers that does not speak the v2 API."""

    reason = "Foreign"


class SignedOut(Failure):
    """Neither the environment nor `mooring login` tells the url and token."""

    reason = "SignedOut"


class Interrupted(Failure):
    """Ctrl-C while an operation was watched: that goes on; `in_the_way` is its record."""

    reason = "Interrupted"
    exit_code = 130
