"""An app that moves to another port: what serves stays reachable until the move is done, forward and back."""

import pytest

from activities.app_moves import Batch
from model.apps import Revision
from model.errors import MooringError
from model.layouts import AppType, at_revision, first
from model.manifests import service
from tests.standing import REVISIONS, app_of
from tests.unit.test_app_moves import Stage, with_a_port


def on_ports(stage: Stage, ports: dict[int, int]) -> None:
    """Revisions listen on these ports."""

    async def revision(app_id: str, number: int) -> Revision:
        spec = with_a_port(number, ports[number]).model_copy(update={"type": stage.records.app.type})
        return REVISIONS[number].model_copy(update={"spec": spec})

    stage.records.revision = revision  # type: ignore[method-assign]


def open_ports(stage: Stage) -> list[int]:
    return sorted(port["targetPort"] for port in stage.cluster.objects["Service", "web"]["spec"]["ports"])


async def moving_to_another_port(type: AppType) -> Stage:
    """An app that serves on 3000 and whose next version listens on 8080."""
    before = first(type, 1, 2)
    stage = Stage(before, at_revision(before, 2))
    on_ports(stage, {1: 3000, 2: 8080, 3: 8080})
    await stage.run(stage.moves.apply, stage.ask.model_copy(update={"after": 1}))
    await stage.stand()
    assert open_ports(stage) == [3000]
    return stage


@pytest.mark.parametrize("type", ["Deployment", "TApp"])
async def test_what_serves_is_reached_until_a_move_to_another_port_is_done(type: AppType) -> None:
    stage = await moving_to_another_port(type)
    await stage.run(stage.moves.apply)
    assert open_ports(stage) == [3000, 8080]
    await stage.run(stage.moves.move)
    assert open_ports(stage) == [8080]


async def test_a_move_to_another_port_that_fails_leaves_what_serves_reachable() -> None:
    """A Deployment whose new version does not get ready says nothing of the old one that serves beside it: the Service does."""
    stage = await moving_to_another_port("Deployment")
    stage.cluster.stuck.add("web")
    await stage.run(stage.moves.apply)
    with pytest.raises(MooringError):
        await stage.run(stage.moves.move, seconds=1)
    assert open_ports(stage) == [3000, 8080]
    stage.records.layouts |= {3: stage.records.app.layout, 4: at_revision(stage.records.app.layout, 3)}
    mended = stage.ask.model_copy(update={"before": 3, "after": 4})
    await stage.run(stage.moves.apply, mended)
    assert open_ports(stage) == [3000, 8080]
    stage.cluster.stuck.clear()
    await stage.run(stage.moves.move, mended)
    assert open_ports(stage) == [8080]


async def test_a_way_back_to_another_port_leads_to_both_until_it_is_done() -> None:
    stage = await moving_to_another_port("Deployment")
    await stage.run(stage.moves.apply)
    await stage.run(stage.moves.move_back)
    assert open_ports(stage) == [3000]


async def test_batches_of_another_port_are_reached_from_the_first_on() -> None:
    stage = await moving_to_another_port("TApp")
    stage.records.layouts[3] = at_revision(stage.records.layouts[1], 2, ["0"])
    for to, ports in ((3, [3000, 8080]), (2, [8080])):
        await stage.run(stage.moves.move_batch, Batch(ask=stage.ask, to=to))
        assert open_ports(stage) == ports


async def test_an_address_outside_stays_while_what_has_it_serves() -> None:
    app = app_of(first("Deployment", 1, 1))
    outside, inside = (with_a_port(1).model_copy(update={"network_type": kind}) for kind in (2, 0))
    found = service(app, [outside])
    assert found is not None
    during, after = service(app, [inside], found), service(app, [inside])
    assert [during and during["spec"]["type"], after and after["spec"]["type"]] == ["NodePort", "ClusterIP"]
