"""What a revision takes over from the one before: images that nobody named, and amounts that are only written otherwise."""

import doctest
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model import revisions
from model.app_replies import revision_reply
from model.apps import AppSpec, ContainerSpec, Resources, Revision, SharedVolume
from model.change_bodies import Rollout, changed
from model.layouts import first
from model.quantities import amount, same
from model.revisions import as_written, changes, image_plan, image_words, pins
from tests.standing import NOW

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def container(name: str, image: str = "shop/web:1", **more: Any) -> ContainerSpec:
    return ContainerSpec(name=name, image=image, **more)


def revision(number: int, *containers: ContainerSpec, **more: Any) -> Revision:
    made = {"app_id": "a", "number": number, "spec": AppSpec(containers=containers), "created_at": NOW, "created_by": "ann"}
    return Revision(**{**made, "reason": "", **more})


def test_the_examples_hold() -> None:
    assert doctest.testmod(revisions).failed == 0


def test_an_image_that_is_not_named_keeps_its_digest_and_one_that_is_named_is_looked_up() -> None:
    before = AppSpec(containers=(container("web"), container("side", "shop/side:1")))
    digests = {"web": A, "side": B}
    assert pins(before, digests, before) == digests
    assert pins(before, digests, before, ["web"]) == {"side": B}
    other = AppSpec(containers=(container("web", "shop/web:2"), container("side", "shop/side:1"), container("new")))
    assert pins(before, digests, other) == {"side": B}
    assert pins(before, {}, before) == {}  # it was never found


def test_a_moved_tag_is_told_as_a_difference() -> None:
    before, after = revision(1, container("web"), digests={"web": A}), revision(2, container("web"), digests={"web": B})
    assert changes(before, after) == [{"field": "containers.web.digest", "before": A, "after": B}]
    assert image_words(before, after) == f"web: shop/web:1 {A[:19]}… → {B[:19]}…"
    assert revision_reply(after, before, first("Deployment", 2, 1), 2)["changes"] == changes(before, after)
    kept = after.model_copy(update={"digests": {"web": A}, "pinned": {"web": A}})
    assert changes(before, kept) == []
    assert image_words(before, kept) == f"web: shop/web:1 is {A[:19]}… as before"


def test_the_reply_tells_which_images_are_looked_up() -> None:
    before = revision(1, container("web"), container("side"), digests={"web": A, "side": B})
    after = revision(2, container("web"), container("side"), pinned={"side": B})
    assert image_plan(before, after) == [
        {"container": "web", "image": "shop/web:1", "digest": None, "before": {"image": "shop/web:1", "digest": A}},
        {"container": "side", "image": "shop/web:1", "digest": B, "before": {"image": "shop/web:1", "digest": B}},
    ]


AMOUNTS = st.sampled_from(["100m", "0.1", ".1", "100000u", "1e-1", "0.2", "200m", "1", "1000m"])


@given(st.none() | AMOUNTS, st.none() | AMOUNTS)
def test_equal_amounts_are_no_difference_and_others_are(one: str | None, other: str | None) -> None:
    before, wanted = (
        AppSpec(
            containers=(container("web", resources=Resources(cpu=cpu, cpu_request=cpu, mem="64Mi")),),
            volumes=(SharedVolume(name="v", size_limit=cpu),),
        )
        for cpu in (one, other)
    )
    after = as_written(before, wanted)
    assert (after == before) == same(one, other)
    assert (changes(revision(1, *before.containers), revision(2, *wanted.containers)) == []) == same(one, other)
    found = after.containers[0].resources.cpu
    assert found == other or (found is not None and other is not None and amount(found) == amount(other))


def test_a_rollout_of_equal_amounts_changes_nothing() -> None:
    spec = AppSpec(containers=(container("web", resources=Resources(cpu="100m", mem="64Mi", disk="1Gi")),))
    same_again = Rollout.model_validate({"resources": {"cpu": 0.1, "mem": "65536Ki", "disk": "1024Mi"}})
    assert changed(spec, same_again) == spec
    less = Rollout.model_validate({"resources": {"cpu": 0.05, "mem": "65536Ki", "disk": "1024Mi"}})
    assert changed(spec, less).containers[0].resources == Resources(cpu="0.05", mem="64Mi", disk="1Gi")
