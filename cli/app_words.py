"""What an app is made of, in words: its amounts, variables and groups; a value that comes from a secret is never among them."""

from collections.abc import Iterator

from cli.api import Record
from cli.words import clean

_LONGEST_VALUE = 60
_AMOUNTS = {"cpuRequest": "cpu requested", "memRequest": "mem requested", "diskRequest": "disk requested"}
_GROUPS = {"configMap": "config", "secret": "secret"}


def amounts(found: Record) -> str:
    """What an instance may use, without what it has none of.

    >>> amounts({"ResInfo": {"cpu": "0.5", "mem": "64Mi", "gpu": "0"}})
    'cpu 0.5, mem 64Mi'
    """
    return ", ".join(
        f"{_AMOUNTS.get(name, name)} {value}" for name, value in found["ResInfo"].items() if value not in ("", "0", None)
    )


def variables(found: Record) -> str:
    """Its variables, a line each: values that were given, and for others the group they come from."""
    own = {
        one["name"]: f"={_cut(one['value'])}" if "value" in one else f" from {one['fieldPath']}" for one in found["Environments"]
    }
    return clean("\n".join(f"{name}{words}" for name, words in {**dict(_from_groups(found)), **own}.items()))


def files(found: Record) -> str:
    """The entries of groups that it has as files, a line a directory."""
    uses = [(word, use) for field, word in _GROUPS.items() for use in found[field] if use["type"] == "Volume"]
    return clean("\n".join(f"{use['mountPath']}: {', '.join(use['key'])} of {word} {use['name']}" for word, use in uses))


def _from_groups(found: Record) -> Iterator[tuple[str, str]]:
    """Where a variable is of both, the secret's comes later: that wins."""
    for field, word in _GROUPS.items():
        for use in found[field]:
            for key in use["key"] if use["type"] == "Env" else []:
                name = use.get("names", {}).get(key, key)
                yield name, f" from {word} {use['name']}" + (f" ({key})" if key != name else "")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
