"""What the routes that change an app share: submitting on its name, and what is checked before (mission A6, B)."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from fastapi import Response

from api.access import Caller
from api.apps_shown import shown
from api.placed import usable
from api.services import Services
from api.submission import Accepted, Prepared, Unchanged, reply, submit
from model.app_replies import without_values
from model.apps import MOST_INSTANCES, App, AppPhase, AppSpec, Revision
from model.autoscaling import Scale
from model.deadlines import least_seconds
from model.errors import Conflict, Invalid, Problem
from model.jobs import LONGEST_NAME as LONGEST_JOB_NAME
from model.jobs import time_to_run
from model.layouts import Layout, at_revision, first, scaled
from model.operations import Target
from records import Records
from records.ids import new_app_id
from workflows.operation import Operation

# A StatefulSet's pods carry its name and a hash as a label's value, of at most 63 characters: "<app>-<index>-<10>".
_LONGEST_TAPP_NAME = 63 - 11 - len(f"-{MOST_INSTANCES - 1}")
Prepare = Callable[[Records, App], Awaitable[Prepared | Unchanged]]
_TO_STOP = 300  # seconds a removal may take beyond the instances' own termination grace
Place = tuple[str, str, str | None]  # project, app's name, AppID


async def act(
    services: Services,
    caller: Caller,
    workflow: type[Operation],
    place: Place,
    request: dict[str, Any],
    prepare: Prepare,
    response: Response,
    *,
    always: bool = False,
) -> dict[str, Any]:
    """Submit an operation on an existing app; see `on_app` and `submit`. Its reply."""
    query = {"app_id": place[2]} if place[2] else {}
    whole = {**query, **request}
    told = without_values(whole)
    accepted = await submit(services, caller, workflow, whole, on_app(place, prepare), told=told, always=always)
    return reply(response, accepted, AppID=accepted.target.id)


def on_app(place: Place, prepare: Prepare) -> Callable[[Records], Awaitable[Prepared | Unchanged]]:
    """What is submitted on an existing app: `prepare(tx, app)` runs with what is submitted on its name serialised."""
    project, name, app_id = place

    async def prepared(tx: Records) -> Prepared | Unchanged:
        found = await tx.projects.hold(project)
        await tx.apps.hold(found.id, name)
        app = await tx.apps.get(found.id, name, app_id)
        running = await tx.apps.running_on(project, name)
        if running and running["target_id"] != app.id:
            raise Conflict(
                f"{running['kind']} {running['id']} is {running['status']} on another life of {name!r}.",
                operation_id=running["id"],
            )
        return await prepare(tx, app)

    return prepared


def prepared(app: App, deadline_seconds: int | None = None, **fields: Any) -> Prepared:
    """What is submitted on the app, with the ask's own fields."""
    return Prepared(
        project=app.project,
        project_id=app.project_id,
        target=Target(kind="app", name=app.name, id=app.id),
        fields={"app_id": app.id, **fields},
        deadline_seconds=deadline_seconds,
    )


async def moving(
    tx: Records, app: App, after: Layout, *, resolve: Collection[int] = (), deadline_seconds: int | None = None, **fields: Any
) -> Prepared:
    """What is submitted to take the app from its layout now to `after`: both are kept, and the ask names them.

    Raises Invalid for a configuration group or entry that a version in `resolve` uses and that is not there.
    """
    for number in resolve:
        await tx.configs.check(app.project_id, (await tx.apps.revision(app.id, number)).spec)
    before_id = await tx.apps.keep_layout(app.id, app.layout)
    after_id = await tx.apps.keep_layout(app.id, after)
    if app.type == "Job":
        fields["runs_to_end"] = True
        deadline_seconds = deadline_seconds or time_to_run((await tx.apps.revision(app.id, after.revision)).spec)
    return prepared(app, deadline_seconds, before=before_id, after=after_id, resolve=tuple(resolve), **fields)


async def creating(
    tx: Records,
    project: str,
    name: str,
    spec: AppSpec,
    *,
    replicas: int,
    username: str,
    actor: str,
    deadline_seconds: int,
    scale: Scale | None,
    pinned: Mapping[str, str] | None = None,
    **fields: Any,
) -> Prepared:
    """What is submitted to create an app, whose row and policy are written here; `pinned` are images by digest (a copy's).

    `fields` are more of the ask's own.

    Raises Conflict when the name is taken, Invalid for configuration that is not there and a name too long for the type.
    """
    if spec.type == "TApp" and len(name) > _LONGEST_TAPP_NAME:
        raise invalid("name", f"must be at most {_LONGEST_TAPP_NAME} characters for a TApp, whose instances are <name>-<index>")
    if spec.type == "Job" and replicas < 1:
        raise invalid("instanceNum", "must be at least 1 for a Job: so many of its instances have to complete")
    if spec.type == "Job" and len(name) > LONGEST_JOB_NAME:
        raise invalid("name", f"must be at most {LONGEST_JOB_NAME} characters for a Job, whose runs are <name>-r<revision>")
    found = await tx.projects.hold(project)
    await tx.apps.hold(found.id, name)
    await tx.configs.check(found.id, spec)
    app_id = new_app_id()
    await tx.apps.add(app_id, found, name, spec, replicas=replicas, username=username, actor=actor, pinned=pinned)
    if scale:
        await tx.autoscaling.set_policy(app_id, scale, actor)
    kept = await tx.apps.keep_layout(app_id, first(spec.type, 1, replicas))
    return Prepared(
        project=project,
        project_id=found.id,
        target=Target(kind="app", name=name, id=app_id),
        fields={"app_id": app_id, "before": kept, "after": kept, "resolve": (1,), "runs_to_end": spec.job is not None, **fields},
        deadline_seconds=deadline_seconds,
    )


async def created(services: Services, accepted: Accepted, response: Response) -> dict[str, Any]:
    """The reply to what `creating` submitted: the app's, with its operation."""
    assert accepted.target.id is not None
    app = await services.records.apps.by_id(accepted.target.id)
    (made,) = await shown(services, app.project, [app])
    return reply(response, accepted, **made)


async def upgrading(
    tx: Records,
    app: App,
    to: Revision,
    *,
    on_failure: str,
    deadline_seconds: int,
    replicas: int | None = None,
    restores: int | None = None,
    **fields: Any,
) -> Prepared:
    """What is submitted to bring all instances to a revision, and their number to `replicas` where it is given.

    `restores` is the earlier revision that it repeats; `fields` are more of the ask's own.
    """
    counted = app.layout if replicas is None else scaled(app.layout, replicas)
    return await moving(
        tx,
        app,
        at_revision(counted, to.number),
        resolve=(to.number,),
        deadline_seconds=deadline_seconds,
        revision=to.number,
        leaves=app.revision,
        restores=restores,
        on_failure=on_failure,
        **fields,
    )


async def stopping(tx: Records, app: App) -> Prepared:
    """What is submitted to take an app's objects away: within the time its instances are given to end, and some."""
    grace = (await tx.apps.revision(app.id, app.revision)).spec.termination_grace_period_seconds
    return prepared(app, _TO_STOP + grace)


def check_serves(app: App, asked: str) -> None:
    """Raise Conflict when the app is a Job, for which what is `asked` means nothing."""
    if app.type == "Job":
        raise Conflict(
            f"{app.name!r} is a Job: it runs to its end, so {asked}.",
            hint=f"Run it again: POST {app.path}/restart; run another version: POST {app.path}/rollout.",
        )


def check_live(app: App) -> None:
    """Raise Conflict when the app is stopped."""
    if app.phase is not AppPhase.LIVE:
        raise Conflict(
            f"{app.name!r} is stopped: what it runs is changed only while it is started.",
            hint=f"Start it first: POST {app.path}/start. Then send this again.",
        )


async def check_deployed(tx: Records, app: App) -> None:
    """Raise Conflict when the app's image was never found, so that nothing of it runs."""
    check_live(app)
    if not (await tx.apps.revision(app.id, app.revision)).digests:
        raise Conflict(
            f"{app.name!r} has nothing that runs: its image was never found.",
            hint="Roll it out with an image that exists, or retry its creation; then try again.",
        )


def check_deadline(spec: AppSpec, deadline_seconds: int) -> None:
    """Raise Invalid where the operation's time is over before an instance can serve at all."""
    seconds, field = least_seconds(spec)
    if seconds >= deadline_seconds:
        raise invalid("deadlineSeconds", f"must be more than {seconds}: by its {field} no instance serves before; or lessen that")


def check_images(services: Services, caller: Caller, spec: AppSpec, field: str) -> None:
    """Raise Invalid naming `field` for a reference that cannot be used, Forbidden for one that is not the caller's to use."""
    check = usable(services, caller)
    for container in spec.containers:
        try:
            check(container.image)
        except ValueError as error:
            raise invalid(field, f"{container.image!r}: {error}") from error


def invalid(field: str, rule: str) -> Invalid:
    """The error of one field."""
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
