"""Where a rollback of an app goes, and whether it goes anywhere: asked for, and to offer it only where it would be accepted."""

from api.access import Caller
from api.app_operations import check_images, check_live, check_serves, invalid, moving
from api.services import Services
from api.submission import Prepared
from model.apps import App, Revision
from model.change_bodies import Rollback
from model.errors import Conflict, Invalid
from model.layouts import Layout
from model.operations import TERMINAL, Target
from records import Records
from records.operations import busy


async def leads_back(records: Records, app: App) -> bool:
    """Whether a rollback that names nothing would be accepted now."""
    try:
        check_can_go_back(app)
        undone = await half_done(records, app)
        if undone is None:
            await earlier(records, app, None)
        else:
            await _layout_before(records, app, undone)
    except (Conflict, Invalid):
        return False
    return True


def check_can_go_back(app: App) -> None:
    """Raise Conflict when the app is stopped, or is of a kind that has no way back."""
    check_live(app)
    check_serves(app, "what it did cannot be taken back by an earlier version")


async def half_done(tx: Records, app: App) -> str | None:
    """The newest rollout, where it stopped in its batches before its revision was in force; None where it is in force.

    Raises Conflict where nothing of it is left: who asks to go back means that one, not the version that serves.
    """
    newest = await tx.apps.newest_upgrade(app)
    if newest is None or newest["ask"]["revision"] <= app.revision:
        return None
    if newest["status"] not in TERMINAL:
        raise busy(newest, Target(kind="app", name=app.name, id=app.id))
    if app.layout.versions.get(newest["ask"]["revision"]):
        return str(newest["id"])
    in_force = await tx.apps.revision(app.id, app.revision)
    before = await tx.apps.deployed_before(app, in_force.origin)
    raise Conflict(
        f"Nothing is to be rolled back: {newest['id']}, the rollout of {app.name!r} to revision {newest['ask']['revision']}, is "
        f"{newest['status']} and left nothing; revision {app.revision} is in force.",
        hint=f'To go further back say so: POST {app.path}/rollback {{"revision": {before.number}}}.'
        if before
        else await _that_failed(tx, app, in_force) or "There is no revision before it.",
    )


async def _that_failed(tx: Records, app: App, in_force: Revision) -> str | None:
    """How to go to the newest revision before that never worked, None where there is none."""
    found = await tx.apps.deployed_before(app, in_force.origin, worked=False)
    return f'To one that never worked say so: POST {app.path}/rollback {{"revision": {found.number}}}.' if found else None


async def back_before(services: Services, caller: Caller, tx: Records, app: App, asked: Rollback, operation: str) -> Prepared:
    """What is submitted to return to the layout that an operation on the app started from; raises Invalid where it has none."""
    after = await _layout_before(tx, app, operation)
    for revision in (await tx.apps.numbered(app.id, after.revisions)).values():
        check_images(services, caller, revision.spec, "operation")
    return await moving(
        tx,
        app,
        after,
        deadline_seconds=asked.deadline_seconds,
        revision=after.revision,
        leaves=app.revision,
        on_failure=asked.on_failure,
        undoes=operation,
    )


async def _layout_before(tx: Records, app: App, operation: str) -> Layout:
    """Which instances had which version before an operation on the app; raises Invalid where nothing of it ran then."""
    known = await tx.operations.find(operation)
    if known is None or known["target_id"] != app.id:
        raise invalid("operation", f"{app.name!r} has no operation {operation!r}; see its operations")
    if "before" not in known["ask"] or known["kind"] == "app.create":
        raise invalid("operation", f"nothing of {app.name!r} ran before {known['kind']} {known['id']}")
    after = await tx.apps.layout(known["ask"]["before"])
    for number, revision in (await tx.apps.numbered(app.id, after.revisions)).items():
        if not revision.digests:
            raise invalid("operation", f"before {known['id']} nothing ran: the images of revision {number} were not found")
    return after


async def earlier(tx: Records, app: App, number: int | None) -> Revision:
    """The revision to go back to: the one named, which must have been deployed, or the newest before that worked."""
    if number is not None:
        wanted = await tx.apps.revision(app.id, number)
        if not wanted.digests:
            raise invalid("revision", f"revision {number} was never deployed: its images were not found")
        return wanted
    # Of a rollback it is what is before the one that it went back to.
    in_force = await tx.apps.revision(app.id, app.revision)
    found = await tx.apps.deployed_before(app, in_force.origin)
    if found:
        return found
    see = f"See them: GET {app.path}/revisions."
    if failed := await _that_failed(tx, app, in_force):
        raise Conflict(f"Before revision {app.revision} of {app.name!r} there is none that worked.", hint=f"{see} {failed}")
    told = f"{app.name!r} has no revision before {app.revision} to go back to."
    if in_force.copy_of:
        told = f"Revision {app.revision} in force is revision {in_force.origin} again, and there is none before that to go back to."
    raise Conflict(told, hint=f"{see} To any of them: POST {app.path}/rollback with its number.")
