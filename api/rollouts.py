"""What a rollout takes over, and the one that would change nothing: it makes no revision and no operation (mission B)."""

from collections.abc import Mapping

from api.access import Caller
from api.app_operations import Place, check_images
from api.instances_found import app_meant
from api.services import Services
from api.submission import Unchanged
from model.apps import App, AppSpec, Revision
from model.change_bodies import Rollout, changed, chosen_container
from model.errors import MooringError
from model.operations import Status
from model.revisions import pins
from records import Records

_SETTLED = (Status.SUCCEEDED, Status.CANCELLED)


async def named_again(services: Services, caller: Caller, place: Place, body: Rollout) -> dict[str, str] | None:
    """By container what the image stands for now that a rollout names although all else is as it is; {} where it names none.

    None where it asks for more than that, or where the registry does not tell: then an operation finds out. Asked before anything
    is held, as a registry may take its time.
    """
    if body.image is None:
        return {}
    app = await app_meant(services, *place)
    before = await services.records.apps.revision(app.id, app.revision)
    spec = changed(before.spec, body)
    chosen = chosen_container(spec, body.container)
    if spec != before.spec or chosen not in before.digests:
        return None
    check_images(services, caller, spec, "image")
    ref = before.images(services.settings.mooring_registry)[chosen]
    try:
        return {chosen: await services.images.resolve(ref, body.image)}
    except MooringError:
        return None


async def changes_nothing(
    tx: Records, app: App, before: Revision, spec: AppSpec, named: Mapping[str, str] | None
) -> Unchanged | None:
    """That `spec`, with the images `named`, is what all instances have, and is well; None where anything is left to do.

    After an operation that failed something is: it must not be in the way of what mends it.
    """
    same = spec == before.spec and named is not None and all(before.digests.get(c) == digest for c, digest in named.items())
    if not same or not before.digests or set(app.layout.versions) - {app.revision}:
        return None
    newest = (await tx.apps.newest_operations(app.project, [app.id])).get(app.id)
    brought = await tx.apps.brought_by(app, app.revision)
    if newest is None or brought is None or newest["status"] not in _SETTLED:
        return None
    return Unchanged(
        operation_id=brought,
        words=f"Nothing differs: {app.name!r} runs what is asked for, revision {app.revision}, which {brought} brought. "
        f"To run the same anew: POST {app.path}/restart.",
    )


async def of_document(tx: Records, app: App, before: Revision, spec: AppSpec) -> dict[str, str]:
    """By container the digests that a document keeps: of images that it names as before, unless their revision failed.

    Of one that failed what was pushed since may be what mends it (as `Standing.pins` has it for stacks).
    """
    ended = (await tx.apps.outcomes(app, [before.number])).get(before.number)
    failed = ended is not None and ended["status"] == Status.FAILED
    return {} if failed else pins(before.spec, before.digests, spec)


def kept(before: Revision, spec: AppSpec, body: Rollout) -> dict[str, str]:
    """By container the digests that a rollout keeps: those of the images that it does not name."""
    return pins(before.spec, before.digests, spec, [chosen_container(spec, body.container)] if body.image else [])
