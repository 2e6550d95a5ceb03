"""Cloud disks (manual, 云硬盘接口): this version has none, and says so of every path."""

from typing import Annotated, Any

from fastapi import APIRouter

from api.access import Caller, allow
from model.errors import NotImplementedYet

router = APIRouter(prefix="/v2/cinder", include_in_schema=False)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@router.api_route("", methods=_METHODS)
async def no_disks(caller: Annotated[Caller, allow(None)]) -> Any:
    """Raise NotImplementedYet."""
    raise _none()


@router.api_route("/{project}", methods=_METHODS)
@router.api_route("/{project}/{rest:path}", methods=_METHODS)
async def no_disks_of_project(caller: Annotated[Caller, allow("app:read")], project: str) -> Any:
    """Raise NotImplementedYet, whatever is asked of a disk."""
    raise _none()


def _none() -> NotImplementedYet:
    return NotImplementedYet(
        "Cloud disks (/v2/cinder) are not carried out by this version of the platform.",
        hint="Keep data that has to last outside the platform.",
    )
