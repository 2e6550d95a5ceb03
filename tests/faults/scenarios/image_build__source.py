"""A build from a directory that was sent to a tag in the registry."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import httpx

from cli import packing
from tests.platform import Platform

_DOCKERFILE = f"FROM {os.environ['MOORING_REGISTRY']}/public/busybox\nCOPY word /word\n"


def _packed(project: str) -> tuple[str, bytes]:
    """A directory that has not been built before: its digest, and its archive."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "Dockerfile").write_text(_DOCKERFILE)
        (Path(place) / "word").write_text(project)
        archive = io.BytesIO()
        return packing.pack(Path(place), archive).digest, archive.getvalue()


async def given(platform: Platform) -> str:
    """A build project without a repository, and the directory sent."""
    project = await platform.project("crash")
    await platform.ask("POST", f"/v2/builds/{project}", {"name": "web", "tag": "v1"}, expect=201)
    sent = await platform.http.post(f"/v2/builds/{project}/sources", content=_packed(project)[1])
    assert sent.status_code == 201, sent.text
    return project


async def when(platform: Platform, project: str) -> str:
    """Build it."""
    return await platform.submit("POST", f"/v2/builds/{project}/web/build", {"source": _packed(project)[0]})


async def then(platform: Platform, project: str) -> Any:
    """The one tag in the registry, and that the image is of the directory that was sent."""
    async with httpx.AsyncClient(base_url=f"http://{os.environ['MOORING_REGISTRY']}") as registry:
        tags = (await registry.get(f"/v2/{project}/web/tags/list")).json()["tags"]
    (record,) = (await platform.get(f"/v2/builds/{project}/web/records"))["records"]
    return {"tags": tags, "of the source": f"sha256:{record['commit']}" == _packed(project)[0]}
