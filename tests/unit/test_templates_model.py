"""Differences of versions, and relation graphs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from model.blueprints import Blueprint
from model.config_mounts import ConfigUse
from model.relations import graph, images
from model.stack_documents import Kind, read_blueprint
from model.templates import diffs


def test_a_difference_is_unified_and_bounded() -> None:
    assert diffs([("a\nb\n", "a\nc\n"), ("a\n", "a\n")]) == ["--- before\n+++ after\n@@ -1,2 +1,2 @@\n a\n-b\n+c", ""]
    assert diffs([("a\n" * 5000, "b\n" * 5000), ("a\n", "b\n")]) == [None, None], "what is left is for all of them"


@given(st.lists(st.sampled_from("abc"), max_size=40), st.lists(st.sampled_from("abc"), max_size=40))
def test_what_both_begin_and_end_with_does_not_count(before: list[str], after: list[str]) -> None:
    head, tail = [f"head {n}" for n in range(3000)], [f"tail {n}" for n in range(3000)]
    (found,) = diffs([("\n".join(head + before + tail), "\n".join(head + after + tail))])
    changed = [line for line in (found or "").splitlines()[2:] if line[0] in "-+"]
    assert {line[1:] for line in changed} <= {*"abc"}, "nothing of what both begin and end with"
    assert _patched(head + before + tail, found or "") == head + after + tail


def _patched(lines: list[str], difference: str) -> list[str]:
    """The lines with a difference applied where its numbers say."""
    made, taken = list[str](), 0
    for line in difference.splitlines()[2:]:
        if place := re.match(r"@@ -(\d+)(,0)?", line):
            begin = int(place[1]) - (0 if place[2] else 1)
            made += lines[taken:begin]
            taken = begin
        elif line[0] != "+":
            assert lines[taken] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            taken += 1
        else:
            made.append(line[1:])
    return made + lines[taken:]


def test_a_graph_has_its_apps_in_columns_and_every_relation() -> None:
    document = "a: {image: x, links: [b, 'b:db', c], replicas: 2}\nb: {image: y, ports: [80]}\nc: {image: x}\n"
    blueprint = read_blueprint(Kind.COMPOSE, document, "d")
    live = {
        "b": {"AppID": "1", "Status": "RUNNING", "InstanceSummary": "1/1 running", "Image": "y2", "InstanceNum": 1, "message": ""}
    }
    drawn = graph(blueprint, live)
    by_name = {node["name"]: node for node in drawn["nodes"]}
    assert {name: node["level"] for name, node in by_name.items()} == {"a": 2, "b": 1, "c": 1}
    assert (by_name["a"]["replicas"], by_name["b"]["status"], by_name["b"]["image"]) == (2, "RUNNING", "y2")
    assert by_name["b"]["ports"] == ["80/tcp"]
    assert drawn["edges"] == [
        {"from": "app:a", "to": "app:b", "type": "link", "aliases": ["b", "db"], "ordered": True, "until": "ready"},
        {"from": "app:a", "to": "app:c", "type": "link", "aliases": ["c"], "ordered": True, "until": "ready"},
    ]
    assert images(blueprint) == ["x", "y"]


def test_a_configuration_group_is_one_node_however_many_use_it() -> None:
    use = ConfigUse(type="Env", name="settings", key=("A",))
    blueprint = read_blueprint(Kind.COMPOSE, "a: {image: x}\nb: {image: y}\n", "d")
    members = []
    for member in blueprint.members:
        (container,) = member.spec.containers
        spec = member.spec.model_copy(update={"containers": (container.model_copy(update={"config_map": (use,)}),)})
        members.append(member.model_copy(update={"spec": spec}))
    drawn = graph(Blueprint(members=tuple(members)))
    assert [n["name"] for n in drawn["nodes"]] == ["a", "b", "settings"]
    assert [(e["from"], e["to"], e["uses"][0]["keys"]) for e in drawn["edges"]] == [
        ("app:a", drawn["nodes"][2]["id"], ["A"]),
        ("app:b", drawn["nodes"][2]["id"], ["A"]),
    ]


def test_a_volume_is_drawn_with_its_mounts() -> None:
    document = (
        "containers:\n- {image: x, name: a, volumeMounts: [{name: v, mountPath: /v}]}\n"
        "- {image: y, name: b, volumeMounts: [{name: v, mountPath: /w}]}\nvolumes: [{name: v, emptyDir: }]\n"
    )
    drawn = graph(read_blueprint(Kind.POD, document, "p"))
    assert [node["type"] for node in drawn["nodes"]] == ["app", "volume"]
    assert drawn["edges"] == [{"from": "app:p", "to": "volume:p/v", "type": "volume", "mounts": ["a:/v", "b:/w"]}]
