"""Accepting a gray upgrade: what is asked is checked against the app, planned, and every batch's layout kept (mission B)."""

from collections.abc import Sequence

from api.app_operations import check_deployed, invalid, moving
from api.services import Services
from api.submission import Prepared
from model.apps import DEFAULT_DEADLINE, App, Revision
from model.batches import Batch, planned
from model.change_bodies import Rollout
from model.gray import GrayPlan, Stage, default_deadline
from model.layouts import Layout, at_revision, beside
from records import Records


async def check_gates(services: Services, body: Rollout) -> None:
    """Raise Invalid naming the field of a query that the metrics store does not take, NoMetricsStore where there is none."""
    for place, gate in enumerate(body.gates):
        if gate.metric:
            await services.metrics.check(gate.metric.query, f"gates.{place}.metric.query")


async def upgrading_gray(tx: Records, app: App, to: Revision, body: Rollout) -> Prepared:
    """What is submitted to bring all instances to a revision as the body's batches say.

    With several batches a Deployment app's new version gets a Deployment of its own beside the others. Raises Invalid naming a
    batch that this app cannot have, and a deadline that the gates alone exceed, Conflict where nothing of the app ever ran.
    """
    batches = _batches(app, body)
    after = beside(app.layout, to.number) if app.type == "Deployment" else at_revision(app.layout, to.number)
    layouts = planned(app.layout, after, batches)
    if len(layouts) == 1:
        layouts = [at_revision(app.layout, to.number)]
    else:
        await check_deployed(tx, app)  # a batch keeps instances of the version before
    return await moving(
        tx,
        app,
        layouts[-1],
        resolve=(to.number,),
        deadline_seconds=_deadline(body, len(layouts)),
        revision=to.number,
        on_failure=body.on_failure,
        gray=GrayPlan(
            stages=tuple([await _kept(tx, app, layout, to.number) for layout in layouts]),
            pause=body.pause,
            ready_seconds=body.ready_seconds,
            gates=tuple(body.gates),
        ),
    )


async def _kept(tx: Records, app: App, layout: Layout, revision: int) -> Stage:
    kept = await tx.apps.keep_layout(app.id, layout)
    return Stage(layout=kept, moved=layout.versions.get(revision, 0), total=layout.total)


def _batches(app: App, body: Rollout) -> list[Batch]:
    """The body's batches with tracks for names; raises Invalid where the app has not so many instances, or none of that name."""
    found: list[Batch] = []
    for place, batch in enumerate(body.batches or []):
        if isinstance(batch, list):
            found.append(_tracks(app, place, batch))
        elif isinstance(batch, int) and batch > app.layout.total:
            raise invalid(f"batches.{place}", f"{batch} is more than the {app.layout.total} instances of {app.name!r}")
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


def _deadline(body: Rollout, stages: int) -> int:
    gates = default_deadline(body, stages, 0)
    if "deadline_seconds" not in body.model_fields_set:
        return default_deadline(body, stages, DEFAULT_DEADLINE)
    if body.deadline_seconds <= gates:
        raise invalid("deadlineSeconds", f"must be more than {gates}: so long may the gates of {stages} batches take by themselves")
    return body.deadline_seconds
