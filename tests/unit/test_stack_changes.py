"""The planner of stack upgrades: what is predicted is what is done, in an order that keeps to the dependencies."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.apps import AppSpec, ContainerSpec, EnvVar, JobRun, Resources
from model.blueprints import Blueprint, Configuration, Link, Member, completed
from model.config_mounts import ConfigUse
from model.configs import ConfigKind, Entry, Group, Held
from model.layouts import beside, first, scaled
from model.stack_changes import (
    Action,
    Change,
    Running,
    Standing,
    change,
    changes,
    contents_of,
    group_change,
    grown,
    removals,
    steps,
    trims,
)
from model.stack_documents import Kind, read_blueprint

NAMES = "abcdefgh"
ADDRESSES = {name: f"10.0.0.{number}" for number, name in enumerate(NAMES, 1)}


def member(name: str, image: str = "x", replicas: int | None = 1, links: tuple[str, ...] = ()) -> Member:
    return Member(
        name=name,
        app=f"d-{name}",
        spec=AppSpec(containers=(ContainerSpec(name=f"d-{name}", image=image),)),
        replicas=replicas,
        links=tuple(Link(member=other, alias=other) for other in links),
        after=links,
    )


@st.composite
def blueprints(draw: st.DrawFn) -> Blueprint:
    """Documents without cycles: a member links only those before it."""
    names = sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1)))
    members = []
    for number, name in enumerate(names):
        links = draw(st.sets(st.sampled_from(names[:number]))) if number else set()
        image, replicas = draw(st.sampled_from(["x", "y"])), draw(st.none() | st.integers(0, 3))
        members.append(member(name, image, replicas, tuple(sorted(links))))
    return Blueprint(members=tuple(draw(st.permutations(members))))


def standing(of: Member, **more: object) -> Standing:
    """The app as it stands when the member was deployed."""
    layout = first("Deployment", 1, 1 if of.replicas is None else of.replicas)
    return Standing(**{"app": of.app, "app_id": of.name * 64, "layout": layout, "spec": completed(of, ADDRESSES), **more})


@pytest.mark.parametrize(
    ("yields", "words"), [(False, "wait for its end or cancel it first, else this fails here"), (True, "is taken over")]
)
def test_what_runs_on_an_app_is_named_with_what_that_means(yields: bool, words: str) -> None:
    of = member("a", "x", 1)
    busy = standing(of, well=False, running=Running(id="op-1", kind="app.scale", status="RUNNING", yields=yields))
    found = change(of, busy, ADDRESSES)
    assert found.action is Action.UPDATE
    assert found.reason.startswith("app.scale op-1 is RUNNING on it")
    assert found.reason.endswith(words)
    assert change(of, standing(of, well=False), ADDRESSES).reason == "its last operation did not succeed"


def test_equal_amounts_are_no_change_in_a_stack() -> None:
    def asking(cpu: str, mem: str) -> Member:
        of = member("a")
        resources = Resources(cpu=cpu, mem=mem)
        container = of.spec.containers[0].model_copy(update={"resources": resources})
        return of.model_copy(update={"spec": of.spec.model_copy(update={"containers": (container,)})})

    now = standing(asking("100m", "64Mi"))
    assert change(asking("0.1", "65536Ki"), now, ADDRESSES).action is Action.UNCHANGED
    found = change(asking("0.2", "65536Ki"), now, ADDRESSES)
    assert (found.action, found.reason) == (Action.UPDATE, "resources of d-a")


def test_a_change_that_leaves_autoscaling_no_cpu_to_go_by_says_so() -> None:
    def asking(cpu: str | None) -> Member:
        of = member("a")
        container = of.spec.containers[0].model_copy(update={"resources": Resources(cpu_request=cpu, mem="64Mi")})
        return of.model_copy(update={"spec": of.spec.model_copy(update={"containers": (container,)})})

    now = standing(asking("100m"), autoscaled=True, cpu_target=50)
    assert (
        "its autoscaling stands still: that keeps 50 % of cpu in use, and no container"
        in change(asking(None), now, ADDRESSES).reason
    )
    assert "autoscaling" not in change(asking("200m"), now, ADDRESSES).reason
    assert "autoscaling" not in change(asking(None), now.model_copy(update={"cpu_target": None}), ADDRESSES).reason


def test_a_stack_keeps_the_images_that_its_document_names_as_before_and_tells_which_it_does_not() -> None:
    digests = {"d-a": "sha256:" + "a" * 64}
    now = standing(member("a", "x:1"), digests=digests)
    assert now.pins(member("a", "x:1").spec) == digests
    assert change(member("a", "x:1"), now, ADDRESSES).action is Action.UNCHANGED
    assert now.pins(member("a", "x:2").spec) == {}
    assert change(member("a", "x:2"), now, ADDRESSES).reason == "image of d-a: x:1 sha256:aaaaaaaaaaaa… → x:2"
    cancelled = standing(member("a", "x:1"), digests=digests, well=False)
    assert cancelled.pins(member("a", "x:1").spec) == digests
    failed = cancelled.model_copy(update={"failed": True})
    assert failed.pins(member("a", "x:1").spec) == {}
    told = change(member("a", "x:1"), failed, ADDRESSES).reason
    assert told == "its last operation did not succeed; image of d-a: what x:1 is now, instead of sha256:aaaaaaaaaaaa…"
    assert "what x:1 is now" not in change(member("a", "x:1"), failed, ADDRESSES, digests, at_once=True).reason


def deployed(blueprint: Blueprint) -> dict[str, Standing]:
    return {one.name: standing(one) for one in blueprint.members}


def carried_out(planned: list[Change], blueprint: Blueprint, now: dict[str, Standing]) -> dict[str, Standing]:
    """What stands when each change has been carried out, and nothing else."""
    then = dict(now)
    for one in planned:
        if one.action is Action.DELETE:
            del then[one.name]
        elif one.action is not Action.UNCHANGED:
            made = standing(blueprint.member(one.name))
            known = now.get(one.name)
            kept = blueprint.member(one.name).replicas is None and known is not None
            then[one.name] = made.model_copy(update={"layout": known.layout}) if kept and known else made
    return then


@given(blueprints(), blueprints())
def test_what_is_planned_and_nothing_else_leads_to_the_document(before: Blueprint, after: Blueprint) -> None:
    now = deployed(before)
    planned = changes(after, now, ADDRESSES, None, before)
    then = carried_out(planned, after, now)
    assert set(then) == set(after.dependencies())
    assert {one.action for one in changes(after, then, ADDRESSES, None, after)} <= {Action.UNCHANGED}
    for name in set(before.dependencies()) & set(after.dependencies()):
        same = completed(before.member(name), ADDRESSES) == completed(after.member(name), ADDRESSES)
        counted = after.member(name).replicas in (None, now[name].replicas)
        action = next(one.action for one in planned if one.name == name)
        assert (action is Action.UNCHANGED) == (same and counted)


@given(blueprints(), blueprints())
def test_the_order_of_the_plan_keeps_to_both_documents(before: Blueprint, after: Blueprint) -> None:
    planned = [one.name for one in changes(after, deployed(before), ADDRESSES, None, before)]
    place = {name: number for number, name in enumerate(planned)}
    assert all(place[other] < place[name] for name, others in after.dependencies().items() for other in others)
    gone = removals(after, deployed(before), before)
    assert planned[len(after.members) :] == list(gone), "what left the document is last"
    assert all(place[other] < place[name] for name, others in gone.items() for other in others)
    assert all(other in gone for others in gone.values() for other in others)


@given(blueprints())
def test_going_there_and_back_is_the_start(before: Blueprint) -> None:
    now = deployed(before)
    other = Blueprint(members=(member("z"), *before.members[1:]))
    if any(before.members[0].name in one.after for one in other.members):
        return  # that would be no document: a link leads nowhere
    there = carried_out(changes(other, now, ADDRESSES, None, before), other, now)
    assert carried_out(changes(before, there, ADDRESSES, None, other), before, there) == now


def test_the_number_alone_replaces_nothing() -> None:
    found = change(member("a", replicas=3), standing(member("a")), {})
    assert (found.action, found.reason, found.replaces) == (Action.UPDATE, "replicas 1 → 3", False)


def test_reasons_name_images_but_no_values() -> None:
    now = member("a").spec.containers[0].model_copy(update={"env": (EnvVar(name="PASSWORD", value="canary"),)})
    stands = standing(member("a"), spec=AppSpec(containers=(now,)))
    found = change(member("a", image="y"), stands, {})
    assert (found.reason, found.replaces) == ("image of d-a: x → y; env of d-a", True)


def test_the_number_of_what_is_autoscaled_is_left_alone() -> None:
    assert change(member("a", replicas=3), standing(member("a"), autoscaled=True), {}).action is Action.UNCHANGED


def test_a_link_to_what_has_no_address_yet_is_a_difference() -> None:
    linked = member("b", links=("a",))
    assert change(linked, standing(linked), ADDRESSES).action is Action.UNCHANGED
    assert change(linked, standing(linked), {}).reason == "links"


def test_another_image_under_the_same_name_counts_where_a_version_is_gone_back_to() -> None:
    now = standing(member("a"), digests={"d-a": "sha256:2"})
    assert change(member("a"), now, {}).action is Action.UNCHANGED
    assert change(member("a"), now, {}, {"d-a": "sha256:1"}).action is Action.UPDATE
    assert change(member("a"), now, {}, {"d-a": "sha256:2"}).action is Action.UNCHANGED


def test_an_app_of_several_versions_is_brought_to_one() -> None:
    two = scaled(first("Deployment", 1, 1), 2, 2)
    assert change(member("a", replicas=2), standing(member("a"), layout=two), {}).reason == "its instances are of several versions"
    one = beside(two, 2)
    assert change(member("a", replicas=2), standing(member("a"), layout=one), {}).action is Action.UNCHANGED


def test_an_app_that_is_not_well_is_brought_to_the_document_again() -> None:
    found = change(member("a"), standing(member("a"), well=False), {})
    assert (found.action, found.reason) == (Action.UPDATE, "its last operation did not succeed")


def test_every_language_gives_the_same_kind_of_thing() -> None:
    compose = read_blueprint(Kind.COMPOSE, "web: {image: x, links: ['store:db'], ports: [80]}\nstore: {image: y}\n", "dep")
    web, store = compose.members
    assert (web.app, web.after, web.links) == ("dep-web", ("store",), (Link(member="store", alias="db"),))
    assert [(a.port, a.target) for a in store.answers] == [(80, 80)], "what such images have always served"
    assert (compose.levels(), compose.linked()) == ({"store": 1, "web": 2}, [store])
    (pod,) = read_blueprint(Kind.POD, "containers:\n- {image: x, name: a}\n- {image: y, name: b}\n", "pod666").members
    assert (pod.app, len(pod.spec.containers), pod.replicas) == ("pod666", 2, None)


CONTENTS = st.dictionaries(st.sampled_from("AB"), st.sampled_from([b"1", b"2"]))
GROUPS = st.dictionaries(st.sampled_from(["g", "h"]), CONTENTS)


def configuration(name: str, content: dict[str, bytes]) -> Configuration:
    return Configuration(name=name, group=f"d-{name}", kind=ConfigKind.CONFIGMAP, content=content)


def held(content: dict[str, bytes], name: str = "g", *, applied: int = 1) -> Held:
    """A group with the contents; the id of each is its own content."""
    fields = {"id": "cfg-1", "project": "p", "project_id": "prj-1", "kind": "configmap", "created_by": "ann"}
    group = Group.model_validate({**fields, "name": f"d-{name}", "version": 1, "applied": applied, "created_at": datetime.now(UTC)})
    entries = {key: Entry(value=value.decode(), size=len(value), text=True) for key, value in content.items()}
    return Held(group=group, entries=entries, contents=content)


def reading(groups: dict[str, dict[str, bytes]]) -> Blueprint:
    """A document with groups and an app that has all their entries as variables."""
    configurations = tuple(configuration(name, content) for name, content in sorted(groups.items()))
    uses = tuple(ConfigUse(type="Env", name=g.group, key=tuple(sorted(g.content))) for g in configurations if g.content)
    (container,) = member("a").spec.containers
    app = member("a").model_copy(update={"spec": AppSpec(containers=(container.model_copy(update={"config_map": uses}),))})
    return Blueprint(members=(app,), groups=configurations)


@given(GROUPS, GROUPS)
def test_groups_come_to_the_document_and_what_reads_them_as_variables_is_replaced(
    before: dict[str, dict[str, bytes]], after: dict[str, dict[str, bytes]]
) -> None:
    old, new = reading(before), reading(after)
    now = {f"configmap/{name}": held(content, name) for name, content in before.items()}
    app = old.members[0]
    stands = {"a": standing(app, spec=completed(app, {}, contents_of(old, now)))}
    planned = {one.part: one for one in changes(new, stands, {}, None, old, held=now)}
    grew = {g.part: held(grown(g, now.get(g.part)), g.name) for g in new.groups}
    for name, content in after.items():
        assert content.items() <= grew[f"configmap/{name}"].contents.items(), "while under way nothing is missing"
        assert before.get(name, {}).keys() <= grew[f"configmap/{name}"].contents.keys(), "nor is what may still be used"
        assert (planned[f"configmap/{name}"].action is Action.UNCHANGED) == (before.get(name) == content)
        trimmed = bool(before.get(name, {}).keys() - content.keys())
        assert (f"configmap/{name}" in trims(new, now)) == trimmed
    assert {part for part, one in planned.items() if one.action is Action.DELETE} == now.keys() - grew.keys()
    # The ids are the contents: so the app is replaced exactly when what it reads differs.
    assert (planned["a"].action is Action.UNCHANGED) == (
        {n: c for n, c in before.items() if c} == {n: c for n, c in after.items() if c}
    )
    then = completed(new.members[0], {}, contents_of(new, grew))
    assert change(new.members[0], stands["a"].model_copy(update={"spec": then}), {}, None, contents_of(new, grew)).action is (
        Action.UNCHANGED
    )


def test_a_groups_change_names_entries_but_no_contents() -> None:
    wanted = configuration("g", {"A": b"canary", "B": b"1"})
    assert group_change(wanted, None).action is Action.CREATE
    found = group_change(wanted, held({"B": b"1", "C": b"1"}))
    assert (found.part, found.shown, found.reason) == ("configmap/g", "configmap d-g", "entries: A added, C removed")
    assert group_change(wanted, held(wanted.content, applied=0)).reason == "the cluster does not have its newest version"


def test_variables_that_changed_are_named() -> None:
    new = reading({"g": {"A": b"2"}})
    stands = standing(new.members[0], spec=completed(new.members[0], {}, {"configmap/d-g/A": "1"}))
    found = change(new.members[0], stands, {}, None, contents_of(new, {"configmap/g": held({"A": b"1"})}))
    assert (found.reason, found.replaces) == ("variables from configmap/d-g/A", True)


def test_an_app_that_an_upgrade_had_not_reached_is_left_on_the_way_back() -> None:
    old = reading({"g": {"A": b"1"}})
    stands = standing(old.members[0], spec=completed(old.members[0], {}, {"configmap/d-g/A": "id of 1"}))
    grew = held({"A": b"2"}).model_copy(update={"earlier": {b"1": "id of 1"}})
    found = change(old.members[0], stands, {}, None, contents_of(old, {"configmap/g": grew}))
    assert found.action is Action.UNCHANGED


def test_groups_go_after_all_apps_that_go() -> None:
    gone = removals(Blueprint(members=()), ["configmap/g", "a", "b"], reading({"g": {"A": b"1"}}))
    assert list(gone)[-1] == "configmap/g"
    assert set(gone["configmap/g"]) == {"a", "b"}


def test_a_stopped_app_is_started_under_its_appid_and_none_is_made_beside_it() -> None:
    of = member("a")
    assert change(of, standing(of, stopped=True), ADDRESSES) == Change(
        name="a", app="d-a", action=Action.START, reason="it is stopped", replaces=True
    )
    other = change(member("a", "y", 3), standing(of, stopped=True, well=False), ADDRESSES)
    assert (other.action, other.gray) == (Action.START, None)
    assert other.reason == "it is stopped; image of d-a: x → y; replicas 1 → 3"
    (layout,) = steps(member("a", "y", 3), standing(of, stopped=True, digests={"d-a": "sha256:1"}), 2)
    assert (layout.versions, layout.total) == ({2: 3}, 3)
    job = of.model_copy(update={"spec": of.spec.model_copy(update={"type": "Job", "job": JobRun()})})
    assert change(job, standing(of, stopped=True), ADDRESSES).action is Action.RECREATE


def test_a_stopped_app_that_left_the_document_goes_with_the_others() -> None:
    a, b = member("a"), member("b")
    now = {"a": standing(a), "b": standing(b, stopped=True)}
    found = {one.name: one.action for one in changes(Blueprint(members=(a,)), now, ADDRESSES)}
    assert found == {"a": Action.UNCHANGED, "b": Action.DELETE}
