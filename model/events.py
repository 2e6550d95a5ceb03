"""Kubernetes events read: whose they are, when they were, what they say (Kubernetes: Event v1)."""

from collections.abc import Iterable, Sequence

from model.errors import Evidence
from model.pods import Object

_MOST_EVIDENCE = 5


def events_of(pod: Object, events: Iterable[Object]) -> list[Object]:
    """The pod's own events, oldest first."""
    uid = pod["metadata"]["uid"]
    return sorted((e for e in events if e["involvedObject"].get("uid") == uid), key=event_time)


def event_time(event: Object) -> str:
    """When the event was seen last; series and single events keep it in different places."""
    series = event.get("series") or {}
    found: str = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return found


def event_count(event: Object) -> int:
    """How often the event was seen."""
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def said(event: Object) -> str:
    """An event's words inside a sentence of ours: the first letter small, no line breaks, no full stop.

    >>> said({"message": "Readiness probe failed: no such file\\n"}), said({"message": "MountVolume.SetUp failed."})
    ('readiness probe failed: no such file', 'MountVolume.SetUp failed')
    """
    text = " ".join(event.get("message", "").split()).rstrip(".")
    return text[:1].lower() + text[1:] if text.partition(" ")[0].istitle() else text


def as_evidence(events: Sequence[Object], instance: str) -> list[Evidence]:
    """The newest of each kind of the instance's events, five at most, oldest first."""
    newest = {(e["reason"], e.get("message")): e for e in events}
    return [
        Evidence(type="event", source=f"{e['reason']} ({instance})", text=e.get("message", ""), at=event_time(e))
        for e in list(newest.values())[-_MOST_EVIDENCE:]
    ]
