"""The application without its lifespan: it has no connections, so only what is decided at its door is answered."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from structlog.testing import capture_logs

from api.app import build
from model.access import Actor


class _Actors:
    """Takes every token for an admin's."""

    async def get(self, _: bytes) -> Actor:
        return Actor(name="admin", admin=True)


def door() -> FastAPI:
    """An application that signs everybody with a token in as an admin."""
    app = build()
    app.state.services = SimpleNamespace(actors=_Actors())
    return app


def answered(app: FastAPI, method: str, there: str, *, token: str | None = "x", **more: Any) -> httpx.Response:
    """The application's reply; whatever reaches further than the door fails as a bug of 500."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://mooring") as http:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return await http.request(method, there, headers=headers | more.pop("headers", {}), **more)

    with capture_logs():  # drawing a traceback of the whole application takes a quarter of a minute
        return asyncio.run(ask())
