"""Seats: what people hold open of the platform, by kind, and how much of each there may be."""

import re
from enum import StrEnum
from typing import NamedTuple, Self

_BOUND = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


class SeatKind(StrEnum):
    """What takes a seat for as long as it is open."""

    EVENTS = "events"
    BUILD_LOGS = "build-logs"
    LOGS = "logs"
    SHELLS = "shells"
    UPLOADS = "uploads"
    WAITS = "waits"

    @property
    def noun(self) -> str:
        """What several of them are called."""
        return _NOUNS[self]

    @property
    def way_out(self) -> str:
        """What a person does who has as many as there may be."""
        return _WAYS_OUT[self]

    @property
    def setting(self) -> str:
        """The setting that says how many there may be."""
        return f"MOORING_SEATS_{self.name}"


_NOUNS = {
    SeatKind.EVENTS: "streams of operations' events open",
    SeatKind.BUILD_LOGS: "build logs open",
    SeatKind.LOGS: "followed logs open",
    SeatKind.SHELLS: "web shells open",
    SeatKind.UPLOADS: "sources on their way",
    SeatKind.WAITS: "requests that wait for an operation's end",
}
_WAYS_OUT = {
    SeatKind.EVENTS: "Close one of them, or read the operation's record, which needs no stream.",
    SeatKind.BUILD_LOGS: "Close one of them.",
    SeatKind.LOGS: "Close one of them, or read the log without follow.",
    SeatKind.SHELLS: "Close one of them.",
    SeatKind.UPLOADS: "Wait until one of them has arrived.",
    SeatKind.WAITS: "Let one of them end, or ask without wait.",
}


class SeatBound(NamedTuple):
    """How many seats of a kind there are: for each person, and for all together in one process of the API."""

    each: int
    everyone: int

    @classmethod
    def read(cls, text: str) -> Self:
        """The bound as a setting says it; raises ValueError.

        >>> SeatBound.read("50/1000")
        SeatBound(each=50, everyone=1000)
        """
        found = _BOUND.fullmatch(text.strip())
        each, everyone = map(int, found.groups()) if found else (0, 0)
        if not 0 < each <= everyone:
            raise ValueError('must be how many for each person and how many for all together in one process, such as "50/1000"')
        return cls(each, everyone)
