"""Accepting a gray upgrade: what is asked is checked against the app, planned, and every batch's layout kept (mission B)."""

from collections.abc import Sequence
from typing import Any

from api.app_operations import check_deployed, invalid, moving
from api.services import Services
from api.submission import Prepared
from model.apps import DEFAULT_DEADLINE, App, Revision
from model.batches import Batch, stages
from model.change_bodies import Rollout
from model.gray import Grayness, GrayPlan, OnFailure, default_deadline
from model.layouts import Layout, scaled
from records import Records


async def check_gates(services: Services, body: Rollout) -> None:
    """Raise Invalid naming the field of a query that the metrics store does not take, NoMetricsStore where there is none."""
    for place, gate in enumerate(body.gates):
        if gate.metric:
            await services.metrics.check(gate.metric.query, f"gates.{place}.metric.query")


async def upgrading_gray(
    tx: Records,
    app: App,
    to: Revision,
    how: Grayness,
    *,
    on_failure: OnFailure,
    deadline_seconds: int | None,
    replicas: int | None = None,
    **fields: Any,
) -> Prepared:
    """What is submitted to bring all instances to a revision as the batches say, and their number to `replicas` where given.

    `deadline_seconds` None is a time that batches and gates have room in. With several batches a Deployment app's new version gets
    a Deployment of its own beside the others. Raises Invalid naming a batch that this app cannot have, and a deadline that the
    gates alone exceed, Conflict where nothing of the app ever ran.
    """
    counted = app.layout if replicas is None else scaled(app.layout, replicas)
    layouts = stages(counted, to.number, _batches(app, counted, how))
    if len(layouts) > 1:
        await check_deployed(tx, app)  # a batch keeps instances of the version before
    return await moving(
        tx,
        app,
        layouts[-1],
        resolve=(to.number,),
        deadline_seconds=_deadline(how, len(layouts), deadline_seconds),
        revision=to.number,
        leaves=app.revision,
        on_failure=on_failure,
        gray=GrayPlan(
            stages=await tx.apps.keep_stages(app.id, layouts, to.number),
            pause=how.pause,
            ready_seconds=how.ready_seconds,
            gates=tuple(how.gates),
        ),
        **fields,
    )


def _batches(app: App, layout: Layout, how: Grayness) -> list[Batch]:
    """The batches with tracks for names; raises Invalid where the app has not so many instances, or none of that name."""
    found: list[Batch] = []
    for place, batch in enumerate(how.batches or []):
        if isinstance(batch, list):
            found.append(_tracks(app, place, batch))
        elif isinstance(batch, int) and batch > layout.total:
            raise invalid(f"batches.{place}", f"{batch} is more than the {layout.total} instances of {app.name!r}")
        else:
            found.append(batch)
    return found


def _tracks(app: App, place: int, names: Sequence[str]) -> tuple[str, ...]:
    if app.type == "Deployment":
        rule = "instances can be named for a TApp only: those of a Deployment app are replaced by new ones; give a number"
        raise invalid(f"batches.{place}", rule)
    by_name = {name: w.track for w in app.layout.workloads for name in (w.track, f"{app.name}-{w.track}")}
    for name in names:
        if name not in by_name:
            raise invalid(f"batches.{place}", f"{app.name!r} has no instance {name!r}; list its instances for their names")
    return tuple(by_name[name] for name in names)


def _deadline(how: Grayness, stages: int, asked: int | None) -> int:
    gates = default_deadline(how, stages, 0)
    if asked is None:
        return default_deadline(how, stages, DEFAULT_DEADLINE)
    if asked <= gates:
        raise invalid("deadlineSeconds", f"must be more than {gates}: so long may the gates of {stages} batches take by themselves")
    return asked
