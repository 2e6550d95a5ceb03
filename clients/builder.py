"""Docker Engine as the image builder: build, push, tag, over its HTTP API (Docker Engine API v1.41).

The API is spoken by httpx and not by Docker's own library, because a build must end when its operation is cancelled: the
engine stops a classic build when the client's connection closes, and only an asynchronous client can be interrupted while
it waits. What goes into the build context is chosen by Docker's library, which knows `.dockerignore`.
"""

import asyncio
import base64
import contextlib
import json
import re
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any, Never
from urllib.parse import urlsplit

import httpx
from docker.utils.build import create_archive, exclude_paths

from model.build_words import build_cause, build_hint, is_full, plain
from model.causes import Cause
from model.errors import (
    BuilderFull,
    BuildFailed,
    Evidence,
    MooringError,
    PlatformUnavailable,
    PushRefused,
    SourceUnreachable,
)

Say = Callable[[str], Awaitable[None]]
Message = dict[str, Any]

API = "/v1.41"
LARGEST_CONTEXT = 2 * 1024**3
MEMORY_LIMIT = 2 * 1024**3
CPU_LIMIT = 2.0
_CPU_PERIOD = 100_000
_LARGEST_DOCKERIGNORE = 64 * 1024
_KILLED = 137  # 128 + SIGKILL
_TAIL_LINES = 30
_AWAY = "The image builder does not answer"
_NO_ACCOUNT = base64.urlsafe_b64encode(b"{}").decode()
# What the engine's classic builder says of its own work; everything else it prints is the Dockerfile's own output.
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_RUNNING_IN = re.compile(r" ---> Running in ([0-9a-f]{12})")


class Builder:
    """One Docker Engine. Every call raises PlatformUnavailable while the engine does not answer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def build(self, context: Path, dockerfile: str, labels: dict[str, str], say: Say) -> str:
        """Build the directory `context` with its `dockerfile` (a path within it) and return the image's id.

        `say` gets the output as it comes. The base images are asked for anew; memory and CPU of each command are limited.
        Raises BuildFailed with the step and the last lines, BuilderFull, SourceUnreachable for an unusable context. A cancellation
        ends the real build: when it is passed on, the container of the running step is gone.
        """
        query = {
            "dockerfile": dockerfile,
            "labels": json.dumps(labels),
            "pull": "1",
            "rm": "1",
            "forcerm": "1",
            "memory": str(MEMORY_LIMIT),
            "memswap": str(MEMORY_LIMIT),
            "cpuperiod": str(_CPU_PERIOD),
            "cpuquota": str(int(CPU_LIMIT * _CPU_PERIOD)),
        }
        headers = {"Content-Type": "application/x-tar", "X-Registry-Config": _NO_ACCOUNT}
        progress = _Progress(say, added=len(labels))
        with tempfile.TemporaryFile(dir=context.parent) as archive:
            await asyncio.to_thread(_pack, context, dockerfile, archive)
            try:
                async for message in self._messages("/build", query, headers, _pieces(archive)):
                    await progress.take(message)
                    if "error" in message:
                        raise progress.failure(message)
            except asyncio.CancelledError:
                await asyncio.shield(self._gone(progress.containers))
                raise
        if progress.image_id is None:
            raise PlatformUnavailable("The image builder ended the build without a word.")
        return progress.image_id

    async def push(self, reference: str, say: Say) -> str:
        """Push a tagged image and return the manifest's digest; raises PushRefused with the registry's answer."""
        repository, _, tag = reference.rpartition(":")
        progress = _Progress(say)
        digest = None
        headers = {"X-Registry-Auth": _NO_ACCOUNT}
        async for message in self._messages(f"/images/{repository}/push", {"tag": tag}, headers):
            await progress.take(message)
            if "error" in message:
                text = _detail(message)
                raise PushRefused(f"The registry did not take {repository}: {text}", evidence=[_evidence("registry", text)])
            digest = message.get("aux", {}).get("Digest", digest)
        if digest is None:
            raise PlatformUnavailable("The image builder ended the push without a word.")
        return str(digest)

    async def keep(self, image_id: str, repository: str) -> None:
        """Let this image be the one kept of `repository`, so that its layers serve the next build; the one before goes."""
        before = await self._image_id(f"{repository}:kept")
        await self.tag(image_id, f"{repository}:kept")
        if before and before != image_id:
            # 409: something else was built on it, which then keeps its layers.
            await self._request("DELETE", f"/images/{before}", {}, fine=(200, 404, 409))

    async def tag(self, image_id: str, reference: str) -> None:
        """Let `reference` (`host/repository:tag`) stand for the image; idempotent."""
        repository, _, tag = reference.rpartition(":")
        await self._request("POST", f"/images/{image_id}/tag", {"repo": repository, "tag": tag}, fine=(201,))

    async def untag(self, reference: str) -> None:
        """Remove a tag, and the image with it if it was its last; idempotent."""
        await self._request("DELETE", f"/images/{reference}", {"noprune": "1"}, fine=(200, 404, 409))

    async def ping(self) -> None:
        """Return if the engine answers."""
        await self._request("GET", "/_ping", {}, fine=(200,))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _image_id(self, reference: str) -> str | None:
        reply = await self._request("GET", f"/images/{reference}/json", {}, fine=(200, 404))
        return str(reply.json()["Id"]) if reply.status_code == 200 else None

    async def _gone(self, containers: list[str]) -> None:
        """Wait until the build's last container is gone; one that the engine leaves behind is removed by force."""
        for container in containers[-1:]:
            with contextlib.suppress(PlatformUnavailable):  # an engine that is away runs nothing
                for _ in range(30):
                    if (await self._request("GET", f"/containers/{container}/json", {}, fine=(200, 404))).status_code == 404:
                        return
                    await asyncio.sleep(0.1)
                await self._request("DELETE", f"/containers/{container}", {"force": "1"}, fine=(204, 404, 409))

    async def _messages(
        self, path: str, query: dict[str, str], headers: dict[str, str], content: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[Message]:
        """The JSON messages of a streaming call, in order; leaving early closes the connection, which ends the work."""
        try:
            async with self._client.stream("POST", API + path, params=query, headers=headers, content=content) as reply:
                if reply.status_code >= 400:
                    await reply.aread()
                    yield {"error": _words(reply)}
                    return
                async for line in reply.aiter_lines():
                    if line.strip():
                        yield json.loads(line)
        except (httpx.TransportError, ValueError) as error:
            raise PlatformUnavailable(f"{_AWAY} ({type(error).__name__}).") from error

    async def _request(self, method: str, path: str, query: dict[str, str], *, fine: tuple[int, ...]) -> httpx.Response:
        try:
            reply = await self._client.request(method, API + path, params=query, timeout=30)
        except httpx.TransportError as error:
            raise PlatformUnavailable(f"{_AWAY} ({type(error).__name__}).") from error
        if reply.status_code not in fine:
            raise PlatformUnavailable(f"The image builder answers {reply.status_code}: {_words(reply)}")
        return reply


class _Progress:
    """What a stream of messages tells: lines for the log, the step, the containers, the image.

    The engine makes a step of each label that it is given (moby: buildLabelOptions): `added`, after the Dockerfile's own.
    """

    def __init__(self, say: Say, added: int = 0) -> None:
        self._say = say
        self._added = added
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._layers: dict[str, str] = {}
        self._step = ""
        self.containers: list[str] = []
        self.image_id: str | None = None

    async def take(self, message: Message) -> None:
        text = self._text(message)
        if found := _STEP.match(text):
            step, of, words = int(found[1]), int(found[2]) - self._added, found[3]
            text = f"Step {step}/{of} : {words}" if step <= of else words
            self._step = f"Step {step}/{of} ({words.strip()[:200]})" if step <= of else words.strip()[:200]
        if found := _RUNNING_IN.match(text):
            self.containers.append(found.group(1))
        self.image_id = message.get("aux", {}).get("ID", self.image_id)
        if text:
            self._tail.extend(text.splitlines())
            await self._say(text)

    def _text(self, message: Message) -> str:
        if "stream" in message:
            return plain(str(message["stream"]))
        if "error" in message:
            return _detail(message) + "\n"
        status, layer = str(message.get("status", "")), str(message.get("id", ""))
        # A layer tells its progress many times a second; its state is worth a line when it changes.
        if not status or (layer and self._layers.get(layer) == status):
            return ""
        self._layers[layer] = status
        return f"{layer}: {status}\n" if layer else f"{status}\n"

    def failure(self, message: Message) -> MooringError:
        place = f"{self._step} failed" if self._step else "The build failed"
        killed = message.get("errorDetail", {}).get("code") == _KILLED
        why = f" It was killed, as a command is that uses more than {MEMORY_LIMIT // 1024**2} MiB." if killed else ""
        tail = "\n".join(line for line in self._tail if line.strip())
        said = _detail(message)
        # A command's own last words are in the lines before: the engine says only how it ended.
        full = is_full(said) or is_full(tail[-1000:])
        text, evidence = f"{place}: {said}.{why}", [_evidence("build", tail)]
        if full:
            return BuilderFull(text, evidence=evidence)
        words = said if build_hint(said) else tail[-1000:]
        return BuildFailed(text, hint=build_hint(words), cause=build_cause(said), evidence=evidence)


def _detail(message: Message) -> str:
    detail: str = message.get("errorDetail", {}).get("message") or message["error"]
    return plain(detail).strip().rstrip(".")


def _evidence(type_: Any, text: str) -> Evidence:
    return Evidence(type=type_, source="docker", text=text[-4000:])


def _words(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["message"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:500]


def _pack(context: Path, dockerfile: str, archive: IO[bytes]) -> None:
    """Write the context as a tar, links as links; what `.dockerignore` names stays out."""
    files = sorted(exclude_paths(str(context), _ignored(context), dockerfile=dockerfile))
    total = sum((context / name).lstat().st_size for name in files)
    if total > LARGEST_CONTEXT:
        _unusable(f"The build context holds {total} bytes, over {LARGEST_CONTEXT}.", "Name large files in .dockerignore.")
    create_archive(root=str(context), files=files, fileobj=archive)


def _ignored(context: Path) -> list[str]:
    file = context / ".dockerignore"
    if file.is_symlink() or not file.is_file():
        # Following a link would read what the repository points at on this machine.
        return []
    if file.stat().st_size > _LARGEST_DOCKERIGNORE:
        _unusable(f"The file .dockerignore is larger than {_LARGEST_DOCKERIGNORE} bytes.", "Shorten it.")
    lines = (line.strip() for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _unusable(message: str, hint: str) -> Never:
    raise SourceUnreachable(message, hint=hint)


async def _pieces(archive: IO[bytes]) -> AsyncIterator[bytes]:
    archive.seek(0)
    while piece := await asyncio.to_thread(archive.read, 1024 * 1024):
        yield piece


def find_dockerfile(checkout: Path, context_path: str, dockerfile_path: str) -> tuple[Path, str]:
    """The context's directory and the Dockerfile's path within it; raises SourceUnreachable when either is not there.

    Neither may be, or lie behind, a link that leaves the checkout.
    """
    root = checkout.resolve()
    context, dockerfile = (root / context_path).resolve(), (root / dockerfile_path).resolve()
    for found, path, there in ((context, context_path, context.is_dir()), (dockerfile, dockerfile_path, dockerfile.is_file())):
        if not there or not found.is_relative_to(root):
            what = "directory" if found is context else "file"
            hint = "Correct the build project's paths, or add it."
            raise SourceUnreachable(f"The source has no {what} {path!r}.", hint=hint, cause=Cause.PATHS)
    return context, str(PurePosixPath(dockerfile_path).relative_to(context_path))


def connect(docker_host: str | None) -> Builder:
    """A client of the engine that `docker_host` names (`unix:///…` or `tcp://host:port`); nothing is sent yet.

    Without one every call raises PlatformUnavailable, for the rest of the platform does not need a builder.
    """
    parts = urlsplit(docker_host or "unix:///nonexistent")
    timeout = httpx.Timeout(None, connect=5)
    if parts.scheme == "unix":
        transport = httpx.AsyncHTTPTransport(uds=parts.path)
        return Builder(httpx.AsyncClient(transport=transport, base_url="http://docker", timeout=timeout))
    return Builder(httpx.AsyncClient(base_url=f"http://{parts.netloc}", timeout=timeout, trust_env=False))
