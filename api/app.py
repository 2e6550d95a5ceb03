"""The FastAPI application: routes, errors, limits, OpenAPI."""

import importlib
import pkgutil

from fastapi import Depends, FastAPI

from api import errors, routes, services
from api.limits import BodyLimit
from api.parameters import known_only
from model.errors import error_table
from model.operations import Verb
from workflows.registry import KINDS, Kind

_DESCRIPTION = "Every long-running call is an operation: 202, `OperationID`, and a record that says how it ends and why."


def build() -> FastAPI:
    """The application, of all modules in api/routes; connections are opened by its lifespan."""
    app = FastAPI(title="Mooring", version="2", description=_described(), lifespan=services.opened, redirect_slashes=False)
    errors.install(app)
    app.add_middleware(BodyLimit)
    for found in pkgutil.iter_modules(routes.__path__):
        router = importlib.import_module(f"{routes.__name__}.{found.name}").router
        app.include_router(router, dependencies=[Depends(known_only)])
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
