"""What commands send that is more than a few words: documents and bodies from files, and fields of an app from options."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

from cli.failures import Failure


def text_of(file: Path) -> str:
    """The text in the file, of standard input for `-`; raises Failure where there is none."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}. Give a file of text, or - to pipe it in.") from error
    except ValueError as error:
        raise Failure(f"{file} is no text (UTF-8). Give a file of text, or - to pipe it in.") from error


def body_of(file: Path | None) -> dict[str, Any]:
    """The body that the file has as YAML or JSON, {} without a file; raises Failure where it is none."""
    if file is None:
        return {}
    try:
        found = yaml.safe_load(text_of(file))
    except yaml.YAMLError as error:
        raise Failure(f"{file} is neither YAML nor JSON: {error}. Correct it at that place.") from error
    if not isinstance(found, dict):
        raise Failure(f"{file} has no object with fields. Write fields as in the API's body, such as `imageRef: public/busybox`.")
    return found


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
