"""A secret is quoted in no refusal: a canary stands at each place of a value, with each slip that people make (targets S17)."""

import base64
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from api.errors import problems_of
from model.app_bodies import NewApp
from model.configs import ConfigKind, NewGroup, content_of
from model.errors import MooringError
from model.stack_documents import Kind, read_blueprint

CANARY = "hunter2canary"
NAME = "DB_PASSWORD"


def slips() -> Iterator[tuple[str, Any]]:
    """What may stand where a list or mapping of variables, or of a group's entries, is meant."""
    yield "no = in a list", [f"{NAME}:-{CANARY}"]
    yield "a space for the =", [f"{NAME} {CANARY}"]
    yield "a colon for the =", [f"{NAME}:{CANARY}"]
    yield "only the value", [CANARY]
    yield "the value first, twice", [f"{CANARY}!={NAME}", f"{CANARY}!={NAME}"]
    yield "the name is none", [f"1{CANARY}={NAME}", f"{NAME} {CANARY}={NAME}"]
    yield "the name twice", [f"{NAME}={CANARY}", f"{NAME}={CANARY}2"]
    yield "a mapping in a list", [{NAME: CANARY}]
    yield "a mapping of the API's kind", [{"key": NAME, "value": CANARY}]
    yield "a mapping of Kubernetes' kind", [{"name": NAME, "value": CANARY}]
    yield "a list in a list", [[NAME, CANARY]]
    yield "text", f"{NAME}={CANARY}"
    yield "a mapping", {NAME: CANARY}
    yield "a key with the value and no colon", {f"{NAME}={CANARY}": None}
    yield "a key with the value", {f"{NAME} {CANARY}": "x"}
    yield "a list as the value", {NAME: [CANARY]}
    yield "a mapping as the value", {NAME: {"value": CANARY}}
    yield "a mapping with the value as its key's text", {NAME: {f"is {CANARY}": [CANARY]}}
    yield "a dollar", {NAME: f"${{{CANARY}}}", "OTHER": f"a${CANARY}", "THIRD": f"{CANARY}$"}
    yield "a value that is no text", {NAME: f"{CANARY}\0"}
    yield "base64 that is none", {NAME: f"{CANARY}!"}


def kubernetes_slips() -> Iterator[tuple[str, Any]]:
    yield from slips()
    yield "the name has it", [{"name": f"{NAME}={CANARY}"}, {"name": f"{NAME}={CANARY}"}]
    yield "the value is a list", [{"name": NAME, "value": [CANARY]}]
    yield "the value is a mapping", [{"name": NAME, "value": {"text": CANARY}}]
    yield "value and source", [{"name": NAME, "value": CANARY, "valueFrom": {"fieldRef": {"fieldPath": CANARY}}}]
    yield "a source with a value", [{"name": NAME, "valueFrom": {"value": CANARY}}]
    yield "a source that is text", [{"name": NAME, "valueFrom": CANARY}]
    yield "a wrong key beside", [{"name": NAME, "valeu": CANARY}]


def told(read: Callable[[], object]) -> str:
    """All that a refusal says, "" where there is none."""
    try:
        read()
    except ValidationError as error:
        return str(problems_of([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]))
    except MooringError as error:
        return f"{error.message} {error.hint} {error.problems} {error.as_reply()}"
    return ""


def v1(value: Any) -> tuple[Kind, list[Any]]:
    return Kind.COMPOSE, [{"a": {"image": "x", "environment": value}}]


def modern(value: Any) -> tuple[Kind, list[Any]]:
    return Kind.COMPOSE, [{"services": {"a": {"image": "x", "environment": value}}}]


def pod(value: Any) -> tuple[Kind, list[Any]]:
    return Kind.POD, [{"containers": [{"name": "a", "image": "x", "env": value}]}]


def group(kind: str, field: str) -> Any:
    def document(value: Any) -> tuple[Kind, list[Any]]:
        return Kind.KUBERNETES, [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "g"}, field: value}, workload([])]

    return document


def workload(env: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "a", "image": "x", "env": env}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    said = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w"}, "spec": said}


PLACES = {
    "compose v1": v1,
    "modern compose": modern,
    "pod": pod,
    "kubernetes": lambda value: (Kind.KUBERNETES, [workload(value)]),
    "Secret data": group("Secret", "data"),
    "Secret stringData": group("Secret", "stringData"),
    "ConfigMap data": group("ConfigMap", "data"),
    "ConfigMap binaryData": group("ConfigMap", "binaryData"),
}


def written(documents: list[Any]) -> Iterator[str]:
    """The documents in block and flow style, and with a comma, an anchor and a tag before the canary where that is one word."""
    for flow in (False, True):
        content = yaml.safe_dump_all(documents, default_flow_style=flow, sort_keys=False)
        yield content
        for prefix in ("*", "&", "!", "@", "%", "- ", "{", "\t"):
            yield content.replace(CANARY, f"{prefix}{CANARY}", 1)
        yield content.replace(f"{CANARY}\n", f"{CANARY}: x: y\n")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("slip", "value"), [pytest.param(*slip, id=slip[0]) for slip in kubernetes_slips()])
def test_no_refusal_of_a_document_quotes_a_value(place: str, slip: str, value: Any) -> None:
    kind, documents = PLACES[place](value)
    for content in written(documents):
        said = told(lambda content=content: read_blueprint(kind, content, "dep"))
        assert CANARY not in said, content
        assert base64.b64encode(CANARY.encode()).decode().rstrip("=") not in said, content


@pytest.mark.parametrize("place", [v1, modern])
def test_the_slips_of_a_list_are_refused(place: Any) -> None:
    made = [place(value) for _, value in slips()]
    found = [told(functools.partial(read_blueprint, kind, next(written(documents)), "dep")) for kind, documents in made]
    assert len([one for one in found if "line=" in one]) > 12


BODIES = {
    "dockerEnv": lambda value: {"name": "a", "imageRef": "x", "dockerEnv": value},
    "secret": lambda value: {"name": "a", "imageRef": "x", "secret": value},
}


@pytest.mark.parametrize("field", BODIES)
@pytest.mark.parametrize(("slip", "value"), [pytest.param(*slip, id=slip[0]) for slip in kubernetes_slips()])
def test_no_refusal_of_an_apps_body_quotes_a_value(field: str, slip: str, value: Any) -> None:
    assert CANARY not in told(lambda: NewApp.model_validate(BODIES[field](value)))


@pytest.mark.parametrize("kind", ConfigKind)
@pytest.mark.parametrize(("slip", "value"), [pytest.param(*slip, id=slip[0]) for slip in slips()])
def test_no_refusal_of_a_groups_body_quotes_a_value(kind: ConfigKind, slip: str, value: Any) -> None:
    assert CANARY not in told(lambda: content_of(kind, NewGroup.model_validate({"name": "g", "data": value})))
