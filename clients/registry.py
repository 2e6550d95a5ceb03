"""The image registry's HTTP API: what a tag stands for, and moving tags (OCI distribution specification)."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import quote

import httpx

from model.base import Frozen
from model.errors import Evidence, ImageNotFound, NotImplementedYet, PushRefused, RegistryUnavailable

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)

_PAGE = 200


class Manifest(Frozen):
    """A manifest as the registry keeps it, byte for byte, with its digest."""

    digest: str
    media_type: str
    content: bytes


class Registry:
    """One registry. Every call raises RegistryUnavailable while it does not answer."""

    def __init__(self, host: str, client: httpx.AsyncClient) -> None:
        self.host = host
        self._client = client

    async def digest_of(self, repository: str, reference: str) -> str | None:
        """The digest of the manifest that a tag or digest stands for, None when there is none."""
        reply = await self._request("HEAD", f"/v2/{repository}/manifests/{reference}")
        return None if reply.status_code == 404 else reply.headers["Docker-Content-Digest"]

    async def manifest(self, repository: str, reference: str) -> Manifest:
        """The manifest that a tag or digest stands for; raises ImageNotFound."""
        reply = await self._request("GET", f"/v2/{repository}/manifests/{reference}")
        if reply.status_code == 404:
            raise ImageNotFound(f"The registry has no image {repository} with {reference!r}.")
        return Manifest(
            digest=reply.headers["Docker-Content-Digest"], media_type=reply.headers["Content-Type"], content=reply.content
        )

    async def move_tag(self, repository: str, digest: str, tag: str) -> None:
        """Let `tag` stand for the manifest of that digest; idempotent. Raises ImageNotFound, PushRefused."""
        found = await self.manifest(repository, digest)
        path = f"/v2/{repository}/manifests/{tag}"
        reply = await self._request("PUT", path, content=found.content, headers={"Content-Type": found.media_type})
        if reply.status_code != 201:
            evidence = Evidence(type="registry", source=self.host, text=reply.text[:2000])
            raise PushRefused(f"The registry answers {reply.status_code} to the tag {repository}:{tag}.", evidence=[evidence])

    async def remove_tag(self, repository: str, tag: str) -> None:
        """Remove a tag; its manifest stays until the registry collects garbage. Idempotent. Raises PushRefused."""
        reply = await self._request("DELETE", f"/v2/{repository}/manifests/{tag}")
        if reply.status_code not in (202, 404):
            evidence = Evidence(type="registry", source=self.host, text=reply.text[:2000])
            raise PushRefused(
                f"The registry answers {reply.status_code} to removing the tag {repository}:{tag}.", evidence=[evidence]
            )

    async def every_repository(self, owner: str) -> set[str]:
        """All repositories below `owner/`, in whatever order the registry lists them; none where it has no catalog."""
        found: set[str] = set()
        last: str | None = None
        while True:
            page = f"/v2/_catalog?n={_PAGE}" + (f"&last={quote(last, safe='')}" if last else "")
            reply = await self._request("GET", page)
            names = (reply.json().get("repositories") or []) if reply.status_code == 200 else []
            found |= {name for name in names if name.startswith(f"{owner}/")}
            if "Link" not in reply.headers or not names or names[-1] == last:
                return found
            last = names[-1]

    async def remove_all(self, repository: str, digests: Iterable[str]) -> int:
        """Remove every tag of the repository with what it stands for, and the manifests of `digests`; how many. Idempotent.

        Raises PushRefused where the registry removes nothing.
        """
        tags = await self.tags(repository)
        stood_for = [await self.digest_of(repository, tag) for tag in tags]
        removed = 0
        for reference in dict.fromkeys([*(digest for digest in stood_for if digest), *digests, *tags]):
            reply = await self._request("DELETE", f"/v2/{repository}/manifests/{reference}")
            if reply.status_code not in (202, 404):
                evidence = Evidence(type="registry", source=self.host, text=reply.text[:2000])
                raise PushRefused(
                    f"The registry answers {reply.status_code} to removing an image of {repository}.",
                    hint="Enable deletion in the registry (distribution: storage.delete.enabled), or remove its images there; "
                    "then retry. Until then nobody can have the project's name.",
                    evidence=[evidence],
                )
            removed += reply.status_code == 202
        return removed

    async def repositories(self, owner: str, most: int) -> list[str]:
        """The repositories that begin with `owner/`, at most so many; raises NotImplementedYet where the registry lists none."""
        found: list[str] = []
        start, last = f"{owner}/", f"{owner}/"
        while len(found) < most:
            reply = await self._request("GET", f"/v2/_catalog?n={_PAGE}&last={last}")
            if reply.status_code != 200:
                told = f"The registry {self.host} answers {reply.status_code} to being asked for its catalogue"
                raise NotImplementedYet(f"{told}, so that no images can be listed.", hint="Name the image that you mean.")
            names = reply.json().get("repositories") or []
            own = [name for name in names if name.startswith(start)]
            found += own
            if len(names) < _PAGE or not own:  # they come sorted
                break
            last = names[-1]
        return found[:most]

    async def tags(self, repository: str) -> list[str]:
        """All tags of a repository; none where there is no such repository."""
        reply = await self._request("GET", f"/v2/{repository}/tags/list")
        return (reply.json().get("tags") or []) if reply.status_code == 200 else []

    async def blob(self, repository: str, digest: str, most: int) -> bytes:
        """A blob; empty where the registry has it elsewhere or not at all, or has more than `most` bytes."""
        content = bytearray()
        try:
            async with self._client.stream("GET", f"/v2/{repository}/blobs/{digest}") as reply:
                if reply.status_code != 200:
                    return b""
                async for piece in reply.aiter_bytes():
                    content += piece
                    if len(content) > most:
                        return b""
        except httpx.TransportError as error:
            raise self._away(error) from error
        return bytes(content)

    async def ping(self) -> None:
        """Return if the registry answers."""
        await self._request("GET", "/v2/")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            reply = await self._client.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise self._away(error) from error
        if reply.status_code >= 500 or reply.status_code == 429:
            raise RegistryUnavailable(f"The registry {self.host} answers {reply.status_code}.")
        return reply

    def _away(self, error: httpx.TransportError) -> RegistryUnavailable:
        return RegistryUnavailable(f"The registry {self.host} does not answer ({type(error).__name__}).")


def connect(host: str) -> Registry:
    """A client of the registry at `host` (`name[:port]`); nothing is sent yet.

    As for Docker itself, a registry on loopback is spoken to in plain http, any other by https.
    """
    scheme = "http" if _is_loopback(host) else "https"
    accept = {"Accept": ", ".join(MANIFESTS)}
    return Registry(host, httpx.AsyncClient(base_url=f"{scheme}://{host}", headers=accept, timeout=httpx.Timeout(30, connect=5)))


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
