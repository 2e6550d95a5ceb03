"""Health without sign-in: alive, ready (which parts are reached), metrics."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.live_bounds import tell_live
from api.measured import exposition
from api.parameters import known_only
from api.services import Using
from model.errors import MooringError

router = APIRouter(tags=["health"], dependencies=[Depends(known_only)])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(services: Using, response: Response) -> dict[str, Any]:
    """Which parts are reached; 503 unless all are."""
    parts: dict[str, Awaitable[Any]] = {
        "database": services.records.ping(),
        "temporal": services.operations.ping(),
        "kubernetes": services.cluster.version(),
    }
    answers = await asyncio.gather(*parts.values(), return_exceptions=True)
    told = {name: _told(answer) for name, answer in zip(parts, answers, strict=True)}
    if any(state != "ok" for state in told.values()):
        response.status_code = 503
    return {"status": "ok" if response.status_code != 503 else "unavailable", "parts": told}


@router.get("/metrics", response_class=Response)
async def metrics(services: Using) -> Response:
    """Prometheus metrics of the API, of all its processes on this machine, and how many operations are live."""
    await tell_live(services)
    return Response(await asyncio.to_thread(exposition), media_type=CONTENT_TYPE_LATEST)


def _told(answer: Any) -> str:
    if isinstance(answer, MooringError):
        return answer.message
    if isinstance(answer, BaseException):
        return f"fails: {type(answer).__name__}"
    return "ok"
