"""Modern compose files: what has a meaning here means what it says, and what has none is refused with its line."""

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.apps import EnvVar, Port, Resources
from model.blueprints import Blueprint, Link
from model.compose_shapes import REFUSED
from model.errors import Forbidden, Invalid, Problem
from model.stack_documents import Kind, read_blueprint

SHOP = """
services:
  db:
    image: postgres
    environment: [A=b=c]
    expose: [5432]
    healthcheck: {test: [CMD-SHELL, pg_isready], interval: 5s, timeout: 2s, retries: 5}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 256M}, reservations: {memory: 64m}}}
  web:
    image: web
    entrypoint: [/bin/x, a]
    command: b c
    ports: ["80", {target: 53, protocol: udp}]
    links: ["db:store"]
    depends_on: {db: {condition: service_healthy}}
    stop_grace_period: 1m30s
"""
ONE = "services:\n  a:\n    image: x\n"


def read(content: str) -> Blueprint:
    return read_blueprint(Kind.COMPOSE, content, "dep")


def only(content: str) -> Problem:
    with pytest.raises(Invalid) as refused:
        read(content)
    assert len(refused.value.problems) == 1, refused.value.problems
    return refused.value.problems[0]


def test_what_a_service_says_is_what_its_app_is() -> None:
    db, web = read(SHOP).members
    (container,) = db.spec.containers
    assert (db.app, db.replicas, container.env) == ("dep-db", 2, (EnvVar(name="A", value="b=c"),))
    assert container.resources == Resources(cpu="0.5", mem=str(256 * 2**20), mem_request=str(64 * 2**20))
    probe = container.readiness_probe
    assert probe is not None
    assert probe.exec is not None
    assert probe.exec.command == ["/bin/sh", "-c", "pg_isready"]
    assert (probe.period_seconds, probe.timeout_seconds, probe.failure_threshold) == (5, 2, 5)
    assert (db.spec.network_type, web.spec.network_type, web.spec.termination_grace_period_seconds) == (0, 2, 90)
    (container,) = web.spec.containers
    assert (container.command, container.args) == (("/bin/x", "a"), ("b", "c"))
    assert container.ports == (Port(protocol="tcp", container_port=80), Port(protocol="udp", container_port=53))


def test_names_resolve_and_order_the_start() -> None:
    web = read(SHOP).members[1]
    assert web.links == (Link(member="db", alias="db"), Link(member="db", alias="store"))
    assert web.after == ("db",)
    assert read(SHOP).levels() == {"db": 1, "web": 2}


def test_a_v1_document_may_have_a_service_called_services() -> None:
    assert [m.name for m in read("services: {image: x}\n").members] == ["services"]


@pytest.mark.parametrize("key", ["volumes", "privileged", "network_mode", "build", "env_file", "networks", "secrets", "devices"])
def test_what_has_no_meaning_is_refused_by_name(key: str) -> None:
    found = only(f"{ONE}    {key}: [a]\n")
    assert (found.line, found.column, found.field, found.message) == (4, 5, f"services.a.{key}", REFUSED[key])


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (f"{ONE}volumes: {{v: }}", 4, "no disk outlives an instance"),
        (f"{ONE}    ports: ['80:80']", 4, 'write "80"'),
        (f"{ONE}    ports: [{{target: 80, published: 8080}}]", 4, "cannot be chosen"),
        (f"{ONE}    ports: [80, 80/tcp]", 4, "a second time"),
        (f"{ONE}    depends_on: [zz]", 4, "no such service"),
        (f"{ONE}    links: [zz]", 4, "no such service"),
        (f"{ONE}    environment: [HOME]", 4, "from the host"),
        (f"{ONE}    environment: {{1A: x}}", 4, "not starting with a digit"),
        (f"{ONE}    restart: 'no'", 4, "always"),
        (f"{ONE}    healthcheck: {{test: [x]}}", 4, "begins with"),
        (f"{ONE}    stop_grace_period: soon", 4, "a time like"),
        (f"{ONE}    mem_limit: 1k", 4, "at least 4m"),
        (f"{ONE}    cpus: none", 4, "cores"),
        (f"{ONE}    image: y", 4, "the first is on line 3"),
        (f"{ONE}    scale: 2\n    deploy: {{replicas: 2}}", 4, "said by deploy.replicas"),
        (f"{ONE}  b: {{image: x, depends_on: {{a: {{condition: service_healthy}}}}}}", 4, "has no healthcheck"),
        (f"{ONE}  b: {{image: x, depends_on: {{a: {{condition: service_done}}}}}}", 4, "service_completed_successfully"),
        ("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, links: [a]}", 2, "a → b → a"),
        ("services:\n  A_b: {image: x}", 2, "lower case"),
        ("services: {}", 1, "must not be empty"),
        ("services: &a {a: {image: x}}", 1, "anchor (&)"),
        ("services:\n" + "".join(f"  s{i}: {{image: x}}\n" for i in range(300)), 1, "at most 200"),
    ],
)
def test_what_is_refused_and_where(content: str, line: int, words: str) -> None:
    found = only(content)
    assert found.line == line
    assert words in found.message


def test_a_file_in_which_much_depends_on_much_is_read_at_once() -> None:
    names = [f"s{number}" for number in range(180)]
    services = "".join(
        f" {name}: {{image: x, depends_on: [{', '.join(names[max(0, i - 90) : i])}]}}\n" for i, name in enumerate(names)
    )
    begun = time.process_time()
    assert len(read(f"services:\n{services}").members) == 180
    assert time.process_time() - begun < 4


def test_an_image_that_may_not_be_used_is_told_at_its_line() -> None:
    def refuse(image: str) -> None:
        raise Forbidden(f"The image {image!r} is not yours.")

    with pytest.raises(Invalid) as refused:
        read_blueprint(Kind.COMPOSE, ONE, "dep", refuse)
    assert (refused.value.problems[0].line, refused.value.problems[0].field) == (3, "services.a.image")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["test", "condition", "limits", "target"]), inner),
    max_leaves=15,
)
_KEYS = ["ports", "environment", "depends_on", "deploy", "healthcheck", "links", "command", "stop_grace_period"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_KEYS), _VALUES)
def test_any_value_is_taken_or_refused_as_invalid(key: str, value: object) -> None:
    with contextlib.suppress(Invalid):
        read(json.dumps({"services": {"a": {"image": "x", key: value}}}))
