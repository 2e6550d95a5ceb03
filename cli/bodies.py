"""What commands send that is more than a few words: documents and bodies from files, and fields of an app from options."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

from cli.failures import Failure

LONGEST_APP_NAME = 52  # as the API has it
HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair: no character, and nothing that UTF-8 can carry


def text_of(file: Path) -> str:
    """The text in the file, of standard input for `-`; raises Failure where there is none."""
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}. Give a file of text, or - to pipe it in.") from error
    except ValueError as error:
        raise Failure(f"{file} is no text (UTF-8). Give a file of text, or - to pipe it in.") from error


def kind_of(text: str) -> str:
    """What a document is written in where nobody says it.

    >>> kind_of("apiVersion: v1\\nkind: Service\\n---\\n"), kind_of("web: {image: x}")
    ('kubernetes', 'compose')
    """
    try:
        documents = yaml.compose_all(text, yaml.SafeLoader)
        first = next((node for node in documents if isinstance(node, yaml.MappingNode)), None)
    except (yaml.YAMLError, RecursionError):
        return "compose"  # the platform tells the place
    keys = {key.value for key, _ in first.value if isinstance(key, yaml.ScalarNode)} if first else set()
    return "kubernetes" if {"apiVersion", "kind"} <= keys else "compose"


def body_of(file: Path | None) -> dict[str, Any]:
    """The body that the file has as YAML or JSON, {} without a file; raises Failure where it is none."""
    if file is None:
        return {}
    text = text_of(file)
    try:
        found = _json(text) or yaml.load(text, _Once)
        not_text = _no_text(found, "")
    except RecursionError as error:
        raise Failure(f"{file} is nested too deeply to be a body.") from error
    except yaml.YAMLError as error:
        raise Failure(f"{file} is neither YAML nor JSON: {error}. Correct it at that place.") from error
    if not isinstance(found, dict):
        raise Failure(f"{file} has no object with fields. Write fields as in the API's body, such as `imageRef: public/busybox`.")
    if not_text:
        raise Failure(f"{not_text} in {file} is no text: it has half of a surrogate pair. Write the character itself, in UTF-8.")
    return found


def _no_text(value: Any, field: str) -> str:
    """The first field whose text no UTF-8 can carry, "" where there is none."""
    if isinstance(value, dict):
        pairs = [(key, key) for key in value] + [(key, inner) for key, inner in value.items()]
        return next((found for key, inner in pairs if (found := _no_text(inner, f"{field}.{key!s}".lstrip(".")))), "")
    if isinstance(value, list):
        return next((found for index, item in enumerate(value) if (found := _no_text(item, f"{field}.{index}"))), "")
    return ascii(field).strip("'") if isinstance(value, str) and HALF.search(value) else ""


def _json(text: str) -> Any:
    """What the text is as JSON, None where it is none: its escapes are no YAML (`\\ud83d\\udc33` is one character).

    None too where a key is given twice: the YAML reader then tells the place.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


class _Once(yaml.SafeLoader):
    """Reads YAML, and refuses a key that is given twice: of two values one would be lost silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Check the keys, then go on as ever (a merge key `<<` gives way to the node's own keys)."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is given twice in one object", problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep=deep)


def variables(given: Sequence[str]) -> list[dict[str, str]]:
    """Variables as `dockerEnv` has them; raises Failure for what is not NAME=VALUE.

    >>> variables(["A=1", "B=x=y"])
    [{'name': 'A', 'value': '1'}, {'name': 'B', 'value': 'x=y'}]
    """
    for one in given:
        if not one.partition("=")[0] or "=" not in one:
            raise Failure(f"--env {one} is not NAME=VALUE. Write it as --env LEVEL=debug.")
    return [{"name": name, "value": value} for name, _, value in (one.partition("=") for one in given)]


def more_variables(known: Sequence[dict[str, str]], given: Sequence[str]) -> list[dict[str, str]]:
    """Those that an app has, with those given set; raises Failure where one is not a text, for then the list cannot be sent.

    >>> more_variables([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], ["B=3"])
    [{'name': 'A', 'value': '1'}, {'name': 'B', 'value': '3'}]
    """
    fields = [one["name"] for one in known if "value" not in one]
    if fields:
        raise Failure(f"{', '.join(fields)} is a field of the instance and no text, so --env cannot keep it. Edit its document.")
    added = {one["name"]: one for one in [*known, *variables(given)]}
    return list(added.values())


def filled(value: Any) -> Any:
    """An option's value or values as they are; raises BadParameter for an empty one, as a shell variable that is not set gives."""
    if "" in ([value] if isinstance(value, str) else value or []):
        raise typer.BadParameter("it is empty. Give it a value, or leave the option out; a shell variable may not be set.")
    return value


def app_name(value: str | None) -> str | None:
    """The name of an app that is made after something else was done: what no app can be called is refused before that."""
    if len(filled(value) or "") > LONGEST_APP_NAME:
        raise typer.BadParameter(f"it has {len(value or '')} letters, and an app's name at most {LONGEST_APP_NAME}.")
    return value


def batches(text: str) -> list[int | str | list[str]]:
    """Batches of a rollout; raises BadParameter for an empty one.

    >>> batches("1, 50%")
    [1, '50%']
    >>> batches("db-0,db-1+db-2")
    [['db-0'], ['db-1', 'db-2']]
    """
    found: list[int | str | list[str]] = []
    for one in (part.strip() for part in text.split(",")):
        names = [name.strip() for name in one.split("+")]
        if not all(names):
            raise typer.BadParameter(
                f"{text!r} has an empty batch. Write batches as 10%,50%,100% or 1,5 or db-0,db-1+db-2.", param_hint="--batches"
            )
        found.append(int(one) if one.isdecimal() else one if one.endswith("%") else names)
    return found


def ports(given: Sequence[str]) -> list[dict[str, Any]]:
    """Ports as `portMappings` has them; raises Failure for what is no port.

    >>> ports(["80", "53/udp"])
    [{'containerPort': 80, 'protocol': 'tcp'}, {'containerPort': 53, 'protocol': 'udp'}]
    """
    found = []
    for one in given:
        number, _, protocol = one.partition("/")
        if not number.isdecimal():
            raise Failure(f"--port {one} is no port. Write it as --port 8080 or --port 53/udp.")
        found.append({"containerPort": int(number), "protocol": protocol or "tcp"})
    return found


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given: those that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
