"""What the platform's registry has, with what each image says of itself; what a digest stands for is looked up once."""

import asyncio
from collections import OrderedDict

from clients.registry import Registry
from model.catalogue import Image, Repository, Tagged, described, lasting, read_manifest, written
from model.errors import ImageNotFound

MOST_REPOSITORIES = 1000  # of one owner
_MOST_TAGS = 100  # of one repository that are looked at
_AT_ONCE = 16
_REMEMBERED = 5000
_LARGEST_CONFIG = 1024**2


class Catalogue:
    """Reads the registry. Every call raises RegistryUnavailable while it does not answer."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: OrderedDict[str, Image] = OrderedDict()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def names(self, owners: list[str]) -> list[str]:
        """The repositories of those owners, as the registry calls both; at most MOST_REPOSITORIES of each."""
        found = await asyncio.gather(*(self._registry.repositories(owner, MOST_REPOSITORIES) for owner in owners))
        return [name for names in found for name in names]

    async def repository(self, name: str) -> Repository:
        """One repository with up to 100 of its tags."""
        async with self._places:
            tags = lasting(await self._registry.tags(name))
        images = await asyncio.gather(*(self._tagged(name, tag) for tag in tags[:_MOST_TAGS]))
        there = [image for image in images if image is not None]  # a tag may go between two looks
        there.sort(key=lambda image: (image.tag == "latest", image.created_at.timestamp() if image.created_at else 0), reverse=True)
        return Repository(name=written(name), tags=there, total_tags=len(tags))

    async def image(self, repository: str, reference: str) -> Image:
        """The image that a tag or digest stands for; raises ImageNotFound."""
        async with self._places:
            digest = await self._registry.digest_of(repository, reference)
            if digest is None:
                raise ImageNotFound(f"The registry has no image {written(repository)} with {reference!r}.")
            return await self._described(repository, digest)

    async def _tagged(self, repository: str, tag: str) -> Tagged | None:
        try:
            return Tagged(tag=tag, **dict(await self.image(repository, tag)))
        except ImageNotFound:
            return None

    async def _described(self, repository: str, digest: str) -> Image:
        if digest in self._known:
            self._known.move_to_end(digest)
            return self._known[digest]
        manifest = read_manifest((await self._registry.manifest(repository, digest)).content)
        if chosen := manifest.chosen:
            manifest = read_manifest((await self._registry.manifest(repository, chosen.digest)).content)
        config = await self._registry.blob(repository, manifest.config.digest, _LARGEST_CONFIG) if manifest.config else b""
        found = self._known[digest] = described(digest, manifest.size, config)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found
