"""How many operations may be live, of a project and of a person: what is more is refused until some have ended.

What the worker accepts by itself (children of a stack or a project's deletion, autoscaling) counts, and is never refused.
"""

import asyncio
import math

from prometheus_client import Gauge

from api.seats import REFUSED
from api.services import Services
from clients.settings import Settings
from model.access import Actor
from model.errors import PlatformUnavailable, TooManyLive
from model.operations import TERMINAL, Status
from records import Records

_PATIENCE = 2.0  # seconds; who scrapes waits for not much longer, and wants all other figures too
_LIVE = Gauge(
    "mooring_operations_live",
    "Operations that have not ended, by status, of the whole platform.",
    ["status"],
    multiprocess_mode="mostrecent",
)


async def check_live(settings: Settings, tx: Records, actor: Actor, project: str, project_id: str) -> None:
    """Raise TooManyLive where the project, or the person who is no platform admin, has as many live operations as there may be.

    Called in the transaction that accepts one more. What is accepted in the same instant is not seen yet, so that a bound can be
    passed by as many: one that is exact would have all of a project's requests wait for each other.
    """
    of_project, of_person = settings.mooring_live_per_project, settings.mooring_live_per_person
    live = await tx.live.count(project_id, actor.name, project_most=of_project, person_most=of_person)
    if live.of_project >= of_project:
        REFUSED.labels("operations", "project").inc()
        told = f"The project {project!r} has as many operations that have not ended as one project may: {of_project}."
        raise _refused(told, f"project={project}")
    if live.of_person >= of_person and not actor.admin:
        REFUSED.labels("operations", "person").inc()
        told = f"{actor.name!r} has as many operations that have not ended as one person may: {of_person}."
        raise _refused(told, f"actor={actor.name}")


async def tell_live(services: Services) -> None:
    """Have the metrics say how many operations are live; where the database does not tell, they say that it is not known."""
    try:
        async with asyncio.timeout(_PATIENCE):
            counts = await services.live.get("", services.records.live.by_status)
    except (PlatformUnavailable, TimeoutError):
        counts = None
    for status in Status:
        if status not in TERMINAL:
            _LIVE.labels(status).set(math.nan if counts is None else counts.get(status, 0))


def _refused(message: str, which: str) -> TooManyLive:
    hint = f"Wait until some have ended, or cancel some of GET /v2/operations?{which}."
    return TooManyLive(message, hint=f"{hint} Deletes, kills, cancels, rollbacks and retries are accepted all the same.")
