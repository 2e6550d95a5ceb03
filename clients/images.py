"""What an image's tag stands for now: in the platform's registry, or in one that is listed (OCI distribution specification)."""

import re

import httpx

from clients.registry import MANIFESTS, Registry
from model.errors import ImageNotFound, OtherRegistryUnavailable
from model.images import HUB, ImageRef, Registries, plain_host

_WITHIN = httpx.Timeout(15, connect=4)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_ELSEWHERE = "Let everybody read it there, or push it to the platform's registry and use it from there; then retry."
_HERE = "See which images there are: GET /v2/images. Deploy or roll out with one of these, or push this one and retry."
_REFUSALS = {
    401: ("asks for a login, and the platform has none there; many ask so for what they do not have, too", _ELSEWHERE),
    403: ("does not give it to everybody", _ELSEWHERE),
}
_HUB = {HUB: "registry-1.docker.io"}  # Docker Hub answers under another name than its images carry


class Images:
    """Resolves references; `own` is the platform's registry, `registries` are all that may be asked."""

    def __init__(self, own: Registry, registries: Registries) -> None:
        self._own = own
        self._registries = registries

    @property
    def registry(self) -> str:
        """The platform's own registry host."""
        return self._own.host

    async def resolve(self, ref: ImageRef, written: str) -> str:
        """The digest the reference stands for now. Raises ImageNotFound, and RegistryUnavailable (transient) of the platform's own.

        `written` is the image as its person wrote it, for the message. A registry that is not listed (any more) is not asked.
        """
        try:
            self._registries.check(ref.host)
        except ValueError as error:
            raise ImageNotFound(f"The image {written!r} {error}.", hint="Deploy or roll out with an image of these.") from error
        digest = await self._own.digest_of(ref.repository, ref.reference) if ref.own else await _elsewhere(ref, written)
        if digest is None:
            where = "the platform's registry" if ref.own else ref.host
            raise ImageNotFound(
                f"There is no image {written!r}: {where} has no {ref.repository} with {ref.reference!r}.",
                hint=_HERE if ref.own else None,
            )
        return digest


async def _elsewhere(ref: ImageRef, written: str) -> str | None:
    """The digest at another registry, asked as nobody in particular; None when it has none for us.

    A registry that cannot be reached is told at once: it is not the platform's part to wait for.
    """
    host = plain_host(ref.host)
    path = f"https://{_HUB.get(host, host)}/v2/{ref.repository}/manifests/{ref.reference}"
    headers = {"Accept": ", ".join(MANIFESTS)}
    try:
        async with httpx.AsyncClient(timeout=_WITHIN, headers=headers) as client:
            reply = await client.head(path)
            if reply.status_code == 401:
                reply = await client.head(path, headers=await _anonymous(client, reply))
    except httpx.TransportError as error:
        raise OtherRegistryUnavailable(
            f"The image {written!r} cannot be had: its registry {ref.host} does not answer ({type(error).__name__})."
        ) from error
    if reply.status_code in _REFUSALS:
        words, hint = _REFUSALS[reply.status_code]
        raise ImageNotFound(f"The image {written!r} cannot be had: its registry {ref.host} {words}.", hint=hint)
    if reply.status_code >= 500 or reply.status_code == 429:
        words = "limits how much it gives (429)" if reply.status_code == 429 else f"answers {reply.status_code}"
        raise OtherRegistryUnavailable(f"The image {written!r} cannot be had: its registry {ref.host} {words}.")
    return reply.headers.get("Docker-Content-Digest") if reply.status_code == 200 else None


async def _anonymous(client: httpx.AsyncClient, refused: httpx.Response) -> dict[str, str]:
    """The header with a token for nobody, as the registry's challenge says to get it (distribution: token authentication)."""
    challenge = dict(_CHALLENGE.findall(refused.headers.get("WWW-Authenticate", "")))
    realm = challenge.pop("realm", "")
    if not realm.startswith("https://"):
        return {}
    reply = await client.get(realm, params=challenge)
    token = reply.json().get("token") if reply.status_code == 200 else None
    return {"Authorization": f"Bearer {token}"} if token else {}
