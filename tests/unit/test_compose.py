"""The compose v1 language: what it means, and that whatever is wrong is told with its place."""

import contextlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.compose import REFUSED, Link, Port, parse
from model.documents import DEEPEST, LARGEST_DOCUMENT, MOST_PROBLEMS
from model.errors import Forbidden, Invalid, Problem, TooLarge

MANUAL = """
c1:
  image: docker.oa.com:8080/public/helloworld
  replicas: 2
  mem_limit: 256m
  cpu_shares: 1
  environment:
    CONTAINER_NAME: c1
    app_NAME: app-c1
  links:
  - c2
  - c3
c2:
  image: docker.oa.com:8080/public/helloworld
c3:
  image: docker.oa.com:8080/public/helloworld
  replicas: 3
  mem_limit: 128m
"""


def problems_of(content: str) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        parse(content, "dep")
    return refused.value.problems


def only(content: str) -> Problem:
    found = problems_of(content)
    assert len(found) == 1, found
    return found[0]


def test_the_manuals_document_means_what_the_manual_says():
    c1, _, c3 = parse(MANUAL, "compose").services
    assert (c1.image, c1.replicas, c1.memory, c1.cpu) == ("docker.oa.com:8080/public/helloworld", 2, 256 * 1024**2, 1)
    assert c1.environment == (("CONTAINER_NAME", "c1"), ("app_NAME", "app-c1"))
    assert c1.links == (Link(service="c2", alias="c2"), Link(service="c3", alias="c3"))
    assert (c3.replicas, c3.memory) == (3, 128 * 1024**2)
    assert parse(MANUAL, "compose").blueprint("compose").dependencies()["c1"] == ("c2", "c3")


@pytest.mark.parametrize(
    ("written", "size"), [("256m", 2**28), ("1g", 2**30), ("5120k", 5 * 2**20), ("8388608", 2**23), ("64MB", 2**26)]
)
def test_memory_counts_in_powers_of_two(written, size):
    assert parse(f"a: {{image: x, mem_limit: {written}}}", "dep").services[0].memory == size


@pytest.mark.parametrize(("written", "cpu"), [("1024", 1000), ("'512'", 500), ("1", 1), ("1536", 1500)])
def test_1024_cpu_shares_are_one_core(written, cpu):
    assert parse(f"a: {{image: x, cpu_shares: {written}}}", "dep").services[0].cpu == cpu


def test_values_stay_as_they_are_written():
    service = parse('a: {image: x, environment: {A: yes, B: 1.10, C: "", D: "$$X"}, command: [sleep, 010]}', "dep").services[0]
    assert service.environment == (("A", "yes"), ("B", "1.10"), ("C", ""), ("D", "$X"))
    assert service.command == ("sleep", "010")


def test_environment_as_a_list_and_aliases_of_links():
    service = parse("a: {image: x, environment: ['A=b=c'], links: ['b:db.local']}\nb: {image: x}", "dep").services[0]
    assert service.environment == (("A", "b=c"),)
    assert service.links == (Link(service="b", alias="db.local"),)


def test_ports_are_published_and_exposed_ones_are_for_links_only():
    service = parse("a: {image: x, ports: ['80', 53/udp], expose: [6379]}", "dep").services[0]
    assert service.ports == (Port(container=80, protocol="tcp"), Port(container=53, protocol="udp"))
    assert service.expose == (Port(container=6379, protocol="tcp"),)


def test_every_problem_is_told_with_its_place():
    found = problems_of("a:\n  image: x\n  volumes: ['/var/run/docker.sock:/s']\n  imgae: y\n  links: [zz]\nb: {replicas: 0}\n")
    assert [(p.line, p.column, p.field) for p in found] == [
        (3, 3, "a.volumes"),
        (4, 3, "a.imgae"),
        (5, 11, "a.links[0]"),
        (6, 1, "b.image"),
        (6, 15, "b.replicas"),
    ]


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_what_reaches_for_the_host_is_refused_by_name(key):
    found = only(f"a:\n  image: x\n  {key}: ['../x:/x']\n")
    assert (found.line, found.field) == (3, f"a.{key}")
    assert found.message == REFUSED[key]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a: {image: x, links: [b]}\nb: {image: x, links: [c]}\nc:\n  image: x\n  links: [a]", 1, "a → b → c → a"),
        ("a: {image: x, links: [a]}", 1, "a → a"),
        ("a: {image: x}\na: {image: y}", 2, "the first is on line 1"),
        ("a:\n  image: x\n  image: y", 3, "the first is on line 2"),
        ("a: {image: x, links: ['b:q', 'c:q']}\nb: {image: x}\nc: {image: x}", 1, "stands for 'b' already"),
        ("a:\n  image: x\n  ports:\n  - '80:80'", 4, 'host cannot be chosen; write "80"'),
        ("a: {image: x, ports: ['127.0.0.1:80:80/udp']}", 1, 'write "80/udp"'),
        ("a: {image: x, ports: [8000-8010]}", 1, "must be one port"),
        ("a: {image: x, expose: [70000]}", 1, "1 to 65535"),
        ("a: {image: x, ports: [80, 80/tcp]}", 1, "a second time"),
        ("a: {image: x, environment: [HOME]}", 1, "from the host"),
        ("a: {image: x, environment: {HOME: }}", 1, "from the host"),
        ("a: {image: x, environment: {1A: x}}", 1, "must start with a letter"),
        ("a: {image: x, cpu_shares: 0.5}", 1, "whole number"),
        ("a: {image: x, mem_limit: 1t}", 1, "256m is 256 MiB"),
        ("a: {image: x, mem_limit: 1k}", 1, "at least 4m"),
        ("A_b: {image: x}", 1, "lower case"),
        ("a" * 60 + ": {image: x}", 1, "at most 52"),
        ('a: {image: x, command: "sh -c \'x"}', 1, "No closing quotation"),
        ("a: [image]", 1, "must be a mapping"),
        ("- a", 1, "must be a mapping"),
        ("version: '2'", 1, "top level"),
        ("a: {image: x}\n---\nb: {image: x}", 2, "another document"),
        ("a: &x {image: x}", 1, "anchor (&)"),
        ("a: *x", 1, "alias (*)"),
        ("a: !!python/object/apply:os.system {image: x}", 1, "tag"),
        ("a: {image: x, <<: {image: y}}", 1, "a merge (<<)"),
        ("? [a]\n: b", 1, "plain word"),
        ("a: {image: !foo x}", 1, "tag"),
        ("\n\na: [", 4, "not YAML"),
    ],
)
def test_what_is_refused_and_where(content, line, words):
    found = only(content)
    assert found.line == line
    assert words in found.message


@pytest.mark.parametrize("content", ["", "~", "# nothing", "\x00", "\ud800"])
def test_documents_that_say_nothing_are_refused(content):
    only(content)


def test_an_image_that_may_not_be_used_is_told_at_its_line():
    def refuse(image: str) -> None:
        raise Forbidden(f"The image {image!r} is not yours.")

    with pytest.raises(Invalid) as refused:
        parse("a:\n  image: ~bob/x\n", "dep", refuse)
    assert (refused.value.problems[0].line, refused.value.problems[0].message) == (2, "The image '~bob/x' is not yours")


def test_bombs_are_refused_before_anything_is_built_of_them():
    assert f"deeper than {DEEPEST}" in only("a: " + "[" * 100_000).message
    assert f"deeper than {DEEPEST}" in only("a: " + "{a: " * 50_000).message
    assert "values from here on" in only("a: [" + "1," * 120_000 + "]").message
    assert "200" in only("".join(f"s{i}: {{image: a}}\n" for i in range(4000))).message
    with pytest.raises(TooLarge):
        parse("a" * (LARGEST_DOCUMENT + 1), "dep")
    with pytest.raises(TooLarge):
        parse("".join(f"service-{i}:\n  image: public/busybox\n" for i in range(10_000)), "dep")


def test_many_problems_are_cut():
    assert len(problems_of("a:\n  image: x\n" + "".join(f"  k{i}: 1\n" for i in range(500)))) == MOST_PROBLEMS


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["image", "links", "ports", "environment"]), inner),
    max_leaves=20,
)


@settings(max_examples=300)
@given(
    st.text() | _VALUES.map(lambda v: json.dumps({"a": v})) | _VALUES.map(lambda v: json.dumps({"a": {"image": "x", "links": v}}))
)
def test_any_text_is_parsed_or_refused_as_invalid(content):
    with contextlib.suppress(Invalid):
        parse(content, "dep")


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh"))))
def test_a_graph_of_links_is_taken_exactly_when_it_has_an_order(graph):
    names = sorted(set(graph) | {name for links in graph.values() for name in links} | {"a"})
    document = json.dumps({name: {"image": "x", "links": sorted(graph.get(name, ()))} for name in names})
    try:
        order = parse(document, "dep").blueprint("dep").dependencies()
    except Invalid as refused:
        path = refused.problems[0].message.rsplit(": ", 1)[1].split(" → ")
        assert path[0] == path[-1]
        assert all(after in graph[before] for before, after in itertools.pairwise(path))
    else:
        placed: set[str] = set()
        while len(placed) < len(names):
            ready = {name for name in names if name not in placed and placed.issuperset(order[name])}
            assert ready
            placed |= ready


def test_the_manuals_own_body():
    body = Path(__file__).parents[1] / "data" / "compose-create.json"
    assert [service.name for service in parse(json.loads(body.read_text())["content"], "compose").services] == ["c1", "c2", "c3"]
