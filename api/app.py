"""The FastAPI application: routes, errors, limits, OpenAPI."""

from fastapi import FastAPI

from api import errors, services
from api.limits import BodyLimit
from api.routes import (
    app_changes,
    applications,
    builds,
    composes,
    health,
    instances,
    operations,
    people,
    podstacks,
    projects,
    tapp_instances,
)
from model.errors import error_table

_DESCRIPTION = "Every long-running call is an operation: 202, `OperationID`, and a record that says how it ends and why."


def build() -> FastAPI:
    """The application; connections are opened by its lifespan."""
    app = FastAPI(title="Mooring", version="2", description=_described(), lifespan=services.opened, redirect_slashes=False)
    errors.install(app)
    app.add_middleware(BodyLimit)
    apps = (applications, app_changes, instances, tapp_instances)
    for module in (health, operations, projects, people, *apps, composes, podstacks, builds):
        app.include_router(module.router)
    return app


def _described() -> str:
    rows = [f"| {r['reason']} | {r['code']} | {r['status']} | {r['fault']} | {r['meaning']} |" for r in error_table()]
    return "\n".join([_DESCRIPTION, "", "| Reason | Code | HTTP | fault | meaning |", "|---|---|---|---|---|", *rows])
