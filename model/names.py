"""Names: what is legal, and why, in words a person can act on (manual 配置管理 §2; Kubernetes: object names)."""

import re
from typing import Annotated

from model.errors import Invalid, Problem
from model.rule_words import Like

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{0,80}")
# Names that are also words of routes (/v2/…/{word}) would hide the route.
ROUTE_WORDS = frozenset(
    {
        "validate",
        "apps",
        "lists",
        "scale",
        "rollout",
        "rollback",
        "kill",
        "start",
        "url",
        "portmapping",
        "members",
        "events",
        "branches",
        "sources",
        "autoscaling",
        "copy",
        "delete",
    }
)
# `public` is the registry's own first word beside the projects' names.
RESERVED_PROJECTS = frozenset({"default", "mooring", "mooring-system", "public"})
# The platform's own actors: what they did must not look like a person's doing.
RESERVED_USERS = frozenset({"autoscaler", "mooring"})
AppIdText = Annotated[
    str, Like(r"^[0-9a-f]{64}$", "must be an AppID: 64 digits and letters from a to f, as an app's own reply tells it")
]


def check_name(value: str, field: str, *, longest: int = 63) -> str:
    """Return `value` if it is a legal name of a thing, else raise Invalid naming `field` and the rule."""
    if len(value) > longest or not DNS_LABEL.fullmatch(value) or not value[:1].isalpha():
        raise _invalid(
            field,
            value,
            f"must start with a lower case letter, contain only lower case letters, digits and '-', "
            f"end with a letter or digit, and be at most {longest} characters, such as web-1",
        )
    if value in ROUTE_WORDS:
        raise _invalid(field, value, "is a word of the API's own routes; choose another")
    return value


def as_told(key: str) -> str:
    """A key as refusals name it: as far as it is a plain word, for a value, perhaps a secret, may stand in its place.

    >>> as_told("app.kubernetes.io/name"), as_told("DB_PASSWORD=hunter2")
    ('app.kubernetes.io/name', 'DB_PASSWORD…')
    """
    found = _PLAIN.match(key)
    word = found[0] if found else ""
    return word if word == key else f"{word}…"


def check_project_name(value: str, field: str = "name") -> str:
    """Return `value` if a project (and so a Kubernetes namespace) may be called that, else raise Invalid."""
    check_name(value, field, longest=50)
    if value in RESERVED_PROJECTS or value.startswith("kube-"):
        raise _invalid(field, value, "is a name the cluster keeps for itself; choose another")
    return value


def check_user_name(value: str, field: str = "name") -> str:
    """Return `value` if a user may be called that, else raise Invalid."""
    check_name(value, field)
    if value in RESERVED_USERS:
        raise _invalid(field, value, "is a name the platform keeps for itself; choose another")
    return value


def _invalid(field: str, value: str, rule: str) -> Invalid:
    shown = value if len(value) <= 80 else value[:77] + "…"
    return Invalid(f"{field}: {shown!r} {rule}.", problems=[Problem(field=field, message=rule)])
