"""The FastAPI application: routes, errors, limits, OpenAPI."""

import contextlib
import gc
import importlib
import pkgutil
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import docs, errors, routes, services
from api.headers import ReplyHeaders
from api.leaving import Leaving
from api.limits import BodyLimit
from api.measured import Measured
from api.server import end_with_parent, refusing
from api.sign_in import SignIn
from clients import logs
from model.error_table import error_table
from model.operations import Verb
from records.store import MOST_COUNTED
from workflows.registry import KINDS, Kind

_DESCRIPTION = (
    "Every long-running call is an operation: 202, `OperationID`, and a record that says how it ends and why. In lists of what is "
    f"kept for ever (operations, builds, revisions, versions, reads, shells) `total` is counted as far as {MOST_COUNTED}: where "
    "there are more, `totalIsAtLeast` is true."
)


def build() -> FastAPI:
    """The application, of all modules in api/routes; connections are opened by its lifespan."""
    app = FastAPI(
        title="Mooring",
        version="2",
        description=_described(),
        lifespan=_lived,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    errors.install(app)
    docs.install(app)
    for layer in (BodyLimit, SignIn, ReplyHeaders, Measured):  # from the inside out
        app.add_middleware(layer)
    # Routes are tried in this order, one after another: what is read most comes first.
    for found in sorted(pkgutil.iter_modules(routes.__path__), key=lambda module: module.name != "operations"):
        router = importlib.import_module(f"{routes.__name__}.{found.name}").router
        app.include_router(router)
    return app


def served() -> ASGIApp:
    """The application as a process of `python -m api` serves it."""
    logs.plain()
    end_with_parent()
    return Leaving(refusing(build()))


@contextlib.asynccontextmanager
async def _lived(app: FastAPI) -> AsyncIterator[None]:
    async with services.opened(app):
        make_ready(app)
        yield


def make_ready(app: FastAPI) -> None:
    """Do before anybody is served what would hold the others up later.

    The description of all routes is made, which the first refusal of a path needs; and what is there by now, and stays, is looked
    through at no further collection of garbage: each took longer than a request.
    """
    app.openapi()
    gc.collect()
    gc.freeze()


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
