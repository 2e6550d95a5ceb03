"""The FastAPI application: routes, errors, limits, OpenAPI."""

from fastapi import FastAPI

from api import errors, services
from api.limits import BodyLimit
from api.routes import (
    applications,
    autoscaling,
    builds,
    composes,
    health,
    instances,
    logs,
    operations,
    people,
    podstacks,
    projects,
    shells,
)
from model.errors import error_table
from model.operations import Verb
from workflows.registry import KINDS, Kind

_DESCRIPTION = "Every long-running call is an operation: 202, `OperationID`, and a record that says how it ends and why."


def build() -> FastAPI:
    """The application; connections are opened by its lifespan."""
    app = FastAPI(title="Mooring", version="2", description=_described(), lifespan=services.opened, redirect_slashes=False)
    errors.install(app)
    app.add_middleware(BodyLimit)
    apps = (applications, autoscaling, instances, logs, shells, composes, podstacks)
    for module in (health, operations, projects, people, *apps, builds):
        app.include_router(module.router)
    return app


def _described() -> str:
    kinds = [f"| {kind.name} | {kind.permission} | {_controls(kind)} |" for kind in KINDS]
    rows = [f"| {r['reason']} | {r['code']} | {r['status']} | {r['fault']} | {r['meaning']} |" for r in error_table()]
    heads = ["", "| operation | permission | controls |", "|---|---|---|"]
    return "\n".join(
        [_DESCRIPTION, *heads, *kinds, "", "| Reason | Code | HTTP | fault | meaning |", "|---|---|---|---|---|", *rows]
    )


def _controls(kind: Kind) -> str:
    """What may be asked of a running operation of that kind."""
    cancel = [] if kind.workflow.forward_only else ["cancel"]
    return ", ".join([*cancel, *(verb for verb in Verb if verb in kind.workflow.controls)]) or "none: it only goes forward"
