"""Health without sign-in: alive, ready (which parts are reached), metrics."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.services import Using
from model.errors import MooringError

router = APIRouter(tags=["health"])


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
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _told(answer: Any) -> str:
    if isinstance(answer, MooringError):
        return answer.message
    if isinstance(answer, BaseException):
        return f"fails: {type(answer).__name__}"
    return "ok"
