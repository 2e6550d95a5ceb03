"""What was seen, as an error shows it: each thing once."""

from collections.abc import Iterable
from typing import Literal

from model.base import Body


class Evidence(Body):
    """One piece of what was seen: a Kubernetes event, a container's exit, log lines, quota numbers, another operation's words."""

    type: Literal["event", "container", "log", "scheduler", "quota", "build", "registry", "step", "operation", "metric", "probe"]
    source: str
    text: str
    at: str | None = None


def told_once(found: Iterable[Evidence]) -> list[Evidence]:
    """The same evidence, what says the same once: of whom first, of how many more, and how often; `at` is when first.

    >>> twice = [Evidence(type="probe", source="http of web-a", text="500", at=at) for at in ("10:00", "10:01")]
    >>> other = Evidence(type="probe", source="http of web-b", text="500", at="10:02")
    >>> [(e.source, e.text, e.at) for e in told_once([*twice, other])]
    [('http of web-a and 1 more, 3 times', '500', '10:00')]
    """
    same: dict[tuple[str, str], list[Evidence]] = {}
    for one in found:
        same.setdefault((one.type, one.text), []).append(one)
    told = []
    for those in same.values():
        others = len({one.source for one in those}) - 1
        more = f" and {others} more" if others else ""
        often = f", {len(those)} times" if len(those) > others + 1 else ""
        told.append(those[0].model_copy(update={"source": f"{those[0].source}{more}{often}"}))
    return told
