"""Images of the platform's registry: the base images, a project's, and one's own (mission B, F)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.access import Caller, allow, check
from api.parameters import Page
from api.services import Using
from model.errors import ImageNotFound, Invalid, NotFound, Problem
from model.images import PERSONAL, PUBLIC, check_use, parse

router = APIRouter(prefix="/v2/images", tags=["images"])
Anybody = Annotated[Caller, allow(None)]


@router.get("")
async def list_images(
    services: Using,
    caller: Anybody,
    project: Annotated[str | None, Query(max_length=63, description="With this project's images")] = None,
    size: Annotated[int, Query(ge=1, le=20)] = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the base images (`public/…`), a project's where it is given, and the caller's own, by name, with their tags.

    Of each repository up to 100 tags are told, `latest` and then the newest first, with digest, size in bytes as it is pulled,
    and the ports that it exposes.
    """
    if project is not None:
        check(caller.actor, "image:read", project)
        await services.records.projects.get(project)
    owners = [PUBLIC, *([project] if project else []), f"{PERSONAL}{caller.actor.name}"]
    names = await services.catalogue.names(owners)
    shown = await asyncio.gather(*(services.catalogue.repository(name) for name in names[page * size : (page + 1) * size]))
    images = [repository.model_dump(by_alias=True, mode="json") for repository in shown]
    return {"total": len(names), "page": page, "size": size, "registry": services.settings.mooring_registry, "images": images}


@router.get("/{image:path}")
async def get_image(services: Using, caller: Anybody, image: str) -> dict[str, Any]:
    """Read what one image says of itself: digest, size, ports; `image` is written as for an app, such as `shop/web:v1`."""
    try:
        meant = parse(image, services.settings.mooring_registry)
    except ValueError as error:
        raise _invalid(image, str(error)) from error
    if not meant.own:
        raise _invalid(image, "is not an image of the platform's registry")
    check_use(meant, image, caller.actor)
    try:
        found = await services.catalogue.image(meant.repository, meant.reference)
    except ImageNotFound as error:
        raise NotFound(error.message, hint="See which images there are: GET /v2/images.") from error
    return {"image": image, **found.model_dump(by_alias=True, mode="json")}


def _invalid(image: str, rule: str) -> Invalid:
    return Invalid(f"image: {image[:200]!r} {rule}.", problems=[Problem(field="image", message=rule)])
