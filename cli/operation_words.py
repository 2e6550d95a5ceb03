"""What an operation's record has beside its steps, in words: what was asked, what came of it, what was tried before."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from cli.api import Record
from cli.words import clean, moment, took

# Said otherwise already: by the target, by `revision`, or for programs only.
_UNSAID = frozenset({"AppID", "digests", "fromRevision", "toRevision", "tag"})
_WORDS = {
    "revision": "revision {}",
    "version": "version {}",
    "instances": "{} instances",
    "inPlace": "{} changed in place",
    "recreated": "{} made anew",
}


def asked_for(request: Mapping[str, Any]) -> str:
    """What was asked, a field a line, as it was written; values that are kept from records are `…` there already."""
    return clean("\n".join(f"{name}: {_written(value)}" for name, value in request.items()))


def result(record: Record) -> str:
    """What came of it, in words; digests are for programs.

    >>> result({"result": {"AppID": "0", "digests": {}, "revision": 3, "instances": 3, "toRevision": 1, "fromRevision": 2}})
    'revision 3, as 1 was, 3 instances'
    """
    found = record["result"] or {}
    known = {name: words.format(found[name]) for name, words in _WORDS.items() if found.get(name)}
    if "revision" in known and found.get("toRevision") not in (None, found["revision"]):
        known["revision"] += f", as {found['toRevision']} was"
    others = [f"{name} {_written(value)}" for name, value in found.items() if name not in _UNSAID | _WORDS.keys()]
    return clean(", ".join([*known.values(), *others])).replace(", 1 instances", ", 1 instance")


def in_force(record: Record) -> str | None:
    """What runs after an operation that was cancelled; None where the record does not say."""
    found = record.get("inForce")
    if not found:
        return None
    counts = [f"{one['count']} instance{'' if one['count'] == 1 else 's'}" for one in found["versions"]]
    those = [f"revision {one['revision']} ({', '.join(one['images'].values())})" for one in found["versions"]]
    return clean("; ".join(f"{count} of {one}" for count, one in zip(counts, those, strict=True)) or "nothing of it runs")


def attempts_before(record: Record) -> list[Text]:
    """The attempts before the newest, a line each: when each began, how far it got, and what it failed at."""
    by_run: dict[int, list[Record]] = {}
    for step in record["steps"]:
        if step["run"] < record["attempt"]:
            by_run.setdefault(step["run"], []).append(step)
    lines = []
    for run, steps in sorted(by_run.items()):
        begun, ended = moment(steps[0]["startedAt"]), moment(_last(step["finishedAt"] for step in steps))
        span = f", {took(ended - begun)}" if begun and ended else ""
        failed = next((step for step in steps if step["status"] in ("FAILED", "CANCELLED")), None)
        words = f"{failed['status'].lower()} at {failed['title']}: {failed['message']}" if failed else f"{len(steps)} steps done"
        lines.append(Text.assemble((f"attempt {run}", "bold"), clean(f"  {steps[0]['startedAt'][:19]}{span}: {words}")))
    return lines


def _last(times: Iterable[str | None]) -> str | None:
    return max(filter(None, times), default=None)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
