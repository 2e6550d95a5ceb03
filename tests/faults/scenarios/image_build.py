"""A build from a Git repository to a tag in the registry."""

import atexit
import contextlib
import functools
import os
from typing import Any

import httpx

from demo.gitserver import GitServer, serve
from tests.platform import Platform, unique

_FILES = {"Dockerfile": f"FROM {os.environ['MOORING_REGISTRY']}/public/busybox\nCOPY word /word\n", "word": "built\n"}


@functools.cache
def _server() -> GitServer:
    """One for the process; it ends with it."""
    running = contextlib.ExitStack()
    atexit.register(running.close)
    return running.enter_context(serve())


async def given(platform: Platform) -> str:
    """A build project whose image has not been built before."""
    project = await platform.project("crash")
    repository = _server().create(unique("repo"), _FILES | {"word": project})
    body = {"name": "web", "repository": repository.url, "tag": "v1"}
    await platform.ask("POST", f"/v2/builds/{project}", body, expect=201)
    return project


async def when(platform: Platform, project: str) -> str:
    """Build it."""
    return await platform.submit("POST", f"/v2/builds/{project}/web/build")


async def then(platform: Platform, project: str) -> Any:
    """The one tag in the registry."""
    async with httpx.AsyncClient(base_url=f"http://{os.environ['MOORING_REGISTRY']}") as registry:
        return (await registry.get(f"/v2/{project}/web/tags/list")).json()["tags"]
