"""What keeps deleted objects from going: finalizers on them, and what a namespace that is being removed tells of its content.

Kubernetes: Finalizers; Namespaces' conditions (NamespaceContentRemaining and the others), which name kinds of objects and
finalizers in fixed words, read only here.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from model.base import Frozen, Input
from model.errors import DeletionHeld, Evidence
from model.operations import Ask

Object = dict[str, Any]
# The cluster's own, which go with what an object has below it or counts it by.
OWN_FINALIZERS = frozenset({"foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking"})
_FAILURES = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
)
_LEFT = re.compile(r"(?P<plural>[a-z0-9-]+)\.(?P<group>[a-z0-9.-]*) has \d+ resource instances")
_NAMED = 5


_THING = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*/[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?")
_FINALIZER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")


class Release(Input):
    """Body of POST /v2/projects/{project}/release: the finalizers to take off an object that was deleted and stays."""

    object: str = Field(max_length=512)
    finalizers: list[str] = Field(min_length=1, max_length=20)

    @field_validator("object")
    @classmethod
    def _is_thing(cls, value: str) -> str:
        if not _THING.fullmatch(value):
            raise ValueError('must be a resource and a name, as the failed deletion tells them, such as "configmaps/settings"')
        return value

    @field_validator("finalizers")
    @classmethod
    def _are_somebodys(cls, value: list[str]) -> list[str]:
        for name in value:
            if len(name) > 317 or not _FINALIZER.fullmatch(name):
                raise ValueError('must be names of finalizers, such as "example.com/held"')
            if name in OWN_FINALIZERS:
                raise ValueError(f"{name} is Kubernetes' own and goes by itself")
        return value


class ReleaseObject(Ask):
    """Input of object.release: which finalizers go off which object of the project's namespace, or off that itself."""

    object: str
    finalizers: tuple[str, ...]


class Held(Frozen):
    """One object that was deleted and stays: `thing` is its kind and name as kubectl writes them (`configmaps/settings`)."""

    thing: str
    finalizers: tuple[str, ...]
    since: str

    @property
    def text(self) -> str:
        """In words.

        >>> Held(thing="pods/web-0", finalizers=("example.com/held",), since="2026-01-01T00:00:00Z").text
        "pods/web-0 is held since 2026-01-01T00:00:00Z by the finalizer 'example.com/held'"
        """
        named = " and ".join(map(repr, self.finalizers))
        return f"{self.thing} is held since {self.since} by the finalizer{'s' if len(self.finalizers) > 1 else ''} {named}"


def held(resource: str, objects: Iterable[Object], now: datetime) -> list[Held]:
    """Those objects of one resource (`pods`, `deployments.apps`) that were to be gone by now and have somebody's finalizers."""
    found = []
    for item in objects:
        metadata = item["metadata"]
        since = metadata.get("deletionTimestamp")  # of a pod, when its time to end is over
        finalizers = tuple(name for name in metadata.get("finalizers") or () if name not in OWN_FINALIZERS)
        if since and finalizers and datetime.fromisoformat(since) <= now:
            found.append(Held(thing=f"{resource}/{metadata['name']}", finalizers=finalizers, since=since))
    return sorted(found, key=lambda one: one.thing)


def resources_left(namespace: Object) -> list[str]:
    """The resources of which a namespace that is being removed has objects left, as its condition says.

    >>> text = "Some resources are remaining: configmaps. has 1 resource instances, jobs.batch has 2 resource instances"
    >>> resources_left({"status": {"conditions": [{"type": "NamespaceContentRemaining", "status": "True", "message": text}]}})
    ['configmaps', 'jobs.batch']
    """
    told = _told(namespace, ("NamespaceContentRemaining",))
    return [".".join(filter(None, found.groups())) for words in told for found in _LEFT.finditer(words)]


def failures(namespace: Object) -> list[str]:
    """In the cluster's words why it cannot remove the namespace's content: an API that does not answer, say."""
    return _told(namespace, _FAILURES)


def _told(namespace: Object, kinds: Sequence[str]) -> list[str]:
    conditions = namespace.get("status", {}).get("conditions", [])
    return [c.get("message", "") for c in conditions if c["type"] in kinds and c.get("status") == "True"]


def in_words(found: Sequence[Held], others: Sequence[str] = ()) -> str:
    """What holds a deletion, "" for nothing."""
    more = [f"{len(found) - _NAMED} more are held"] if len(found) > _NAMED else []
    return "; ".join([*(one.text for one in found[:_NAMED]), *more, *others])


def deletion_held(what: str, project: str, found: Sequence[Held], others: Sequence[str] = ()) -> DeletionHeld:
    """The error of a deletion that did not get done, by what holds it: finalizers, or `others` in words; one of the two."""
    hints = ["Ask the cluster's administrator about what the message names."] if others else []
    if found:
        first = found[0]
        body = json.dumps({"object": first.thing, "finalizers": list(first.finalizers)})
        hints.append(
            "Ask who runs what set the finalizer: it takes it off when it has tidied up. Where nothing does that any more, a "
            f"platform admin can: POST /v2/projects/{project}/release {body}."
        )
    evidence = [Evidence(type="event", source=one.thing, text=one.text, at=one.since) for one in found[:_NAMED]]
    evidence += [Evidence(type="event", source=f"namespace {project}", text=words) for words in others]
    return DeletionHeld(
        f"{what} is not gone: {in_words(found, others)}.", hint=" ".join([*hints, "Then retry."]), evidence=evidence
    )
