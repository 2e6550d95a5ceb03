"""The catalogue of images against a registry that is played: what is told, and what a pusher's lies do."""

import json
from collections import Counter

import httpx
import pytest

from clients.catalogue import Catalogue
from clients.registry import Registry
from model.catalogue import described, read_manifest
from model.errors import ImageNotFound, NotImplementedYet

CONFIG = {"created": "2030-01-02T03:04:05Z", "architecture": "amd64", "config": {"ExposedPorts": {"8080/tcp": {}, "53/udp": {}}}}
MANIFEST = {
    "config": {"digest": "sha256:c", "size": 10},
    "layers": [{"digest": "sha256:l", "size": 90}, {"digest": "sha256:m", "size": 5}],
}
INDEX = {
    "manifests": [
        {"digest": "sha256:arm", "size": 1, "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:one", "size": 1, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
}


class Played:
    """A registry with those repositories and tags (tag → digest) and manifests by digest."""

    def __init__(self, repositories: dict[str, dict[str, str]], catalogue: bool = True) -> None:
        self.repositories, self.has_catalogue = repositories, catalogue
        self.manifests = {"sha256:one": MANIFEST, "sha256:index": INDEX}
        self.asked: Counter[str] = Counter()
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://registry")
        self.catalogue = Catalogue(Registry("registry", client))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        place = request.url.path
        self.asked[place] += 1
        if place == "/v2/_catalog":
            last, count = request.url.params["last"], int(request.url.params["n"])
            names = sorted(name for name in self.repositories if name.replace("/", "\0") > last.replace("/", "\0"))
            return httpx.Response(200, json={"repositories": names[:count]}) if self.has_catalogue else httpx.Response(404)
        name, _, rest = place.removeprefix("/v2/").rpartition("/tags/list")
        if not rest and name:
            return httpx.Response(200, json={"tags": [*self.repositories.get(name, {})] or None})
        if "/blobs/" in place:
            return httpx.Response(200, content=json.dumps(CONFIG).encode())
        name, _, reference = place.removeprefix("/v2/").partition("/manifests/")
        digest = self.repositories.get(name, {}).get(reference, reference)
        found = self.manifests.get(digest)
        return httpx.Response(200, json=found, headers={"Docker-Content-Digest": digest}) if found else httpx.Response(404)


async def test_an_image_is_told_with_digest_size_and_ports() -> None:
    played = Played({"shop/web": {"v1": "sha256:one", "multi": "sha256:index", "building-op-1": "sha256:one"}})
    found = await played.catalogue.repository("shop/web")
    assert [(tag.tag, tag.digest) for tag in found.tags] == [("multi", "sha256:index"), ("v1", "sha256:one")]
    assert (found.name, found.total_tags) == ("shop/web", 2)
    one = await played.catalogue.image("shop/web", "multi")
    assert (one.size, one.architecture, one.ports) == (105, "amd64", ["53/udp", "8080/tcp"])
    with pytest.raises(ImageNotFound):
        await played.catalogue.image("shop/web", "none")


async def test_what_a_digest_stands_for_is_looked_up_once() -> None:
    played = Played({"shop/web": {"v1": "sha256:one"}})
    for _ in range(3):
        await played.catalogue.image("shop/web", "v1")
    assert played.asked["/v2/shop/web/blobs/sha256:c"] == 1


async def test_only_the_owners_repositories_are_listed_however_many_there_are() -> None:
    many = {f"shop/i{number:03}": {"v1": "sha256:one"} for number in range(450)}
    played = Played({**many, "shop-b/x": {}, "public/busybox": {}, "user_ann/tool": {}, "zoo/x": {}})
    assert await played.catalogue.names(["public", "shop", "user_ann"]) == ["public/busybox", *sorted(many), "user_ann/tool"]
    assert await played.catalogue.names(["none"]) == []


async def test_a_registry_without_a_catalogue_is_told() -> None:
    with pytest.raises(NotImplementedYet, match="catalogue"):
        await Played({}, catalogue=False).catalogue.names(["shop"])


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"not json",
        b"[]",
        b'{"created": 5e99}',
        b'{"config": {"ExposedPorts": ["8080"]}}',
        b'{"config": {"ExposedPorts": {"\x1b[31m": {}, "99999999/tcp": {}}}}',
        b'{"config": null, "architecture": null}',
    ],
)
def test_a_configuration_that_lies_says_nothing(config: bytes) -> None:
    assert described("sha256:1", 5, config).ports == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"layers": 5}', b'{"layers": [{"digest": "x", "size": -1}]}'])
def test_a_manifest_that_is_none_has_no_size(content: bytes) -> None:
    assert read_manifest(content).size == 0


@pytest.mark.parametrize(
    ("created", "kept"),
    [
        ("0001-01-01T00:00:00", False),
        ("2030-01-02T03:04:05", False),
        ("0001-01-01T00:00:00Z", True),
        ("2030-01-02T03:04:05Z", True),
    ],
)
async def test_a_time_without_a_zone_is_none_and_spoils_no_listing(
    created: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIG, "created", created)
    (tag,) = (await Played({"shop/web": {"v1": "sha256:one"}}).catalogue.repository("shop/web")).tags
    assert (tag.created_at is not None) is kept
