"""The image registry's HTTP API: what a tag stands for, and moving tags (OCI distribution specification)."""

import ipaddress

import httpx

from model.base import Frozen
from model.errors import Evidence, ImageNotFound, PushRefused, RegistryUnavailable

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


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
            raise RegistryUnavailable(f"The registry {self.host} does not answer ({type(error).__name__}).") from error
        if reply.status_code >= 500 or reply.status_code == 429:
            raise RegistryUnavailable(f"The registry {self.host} answers {reply.status_code}.")
        return reply


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
