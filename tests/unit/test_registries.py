"""Which registries an image may come from: the platform's own and the administrator's list, by those names only."""

import socket
from typing import Any

import pytest
from pydantic import ValidationError

from clients import registry
from clients.images import Images
from clients.settings import Settings
from model.access import Actor, Role
from model.errors import Forbidden, ImageNotFound, OtherRegistryUnavailable
from model.images import Registries, check_image, parse

OWN = "localhost:5000"
ANN = Actor(name="ann", roles={"shop": Role.DEVELOPER})
OTHER_SPELLINGS = [
    "localhost", "localhost:443", "localhost:05000", "localhost.:5000", "127.0.0.1", "127.0.0.1:5000", "127.1:5000",
    "127.000.000.001:5000", "0.0.0.0:5000", "2130706433:5000", "0x7f.1:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000",
]  # fmt: skip
NOT_LISTED = [
    "10.0.0.1:6443", "169.254.169.254", "docker.io", "ghcr.io", "listed.example.com:8443", "listed.example.com.",
    "kubernetes.default.svc",
]  # fmt: skip


@pytest.mark.parametrize("host", [*OTHER_SPELLINGS, *NOT_LISTED])
def test_no_other_spelling_and_no_other_registry_is_taken(host: str) -> None:
    registries = Registries.listed(OWN, "listed.example.com")
    with pytest.raises(ValueError, match="registr"):
        check_image(f"{host}/other/api:1", registries, ANN)


@pytest.mark.parametrize(
    "written",
    [
        "Localhost:5000/other/api",
        "localhost:5000/other/api",
        "other/api",
        "LISTED.example.com/o/api:1",
        "listed.example.com:443/x/y",
    ],
)
def test_what_is_listed_is_taken_in_any_case_and_the_platforms_own_stays_its_owners(written: str) -> None:
    registries = Registries.listed(OWN, "listed.example.com")
    if "listed" in written.lower():
        check_image(written, registries, ANN)
    else:
        with pytest.raises(Forbidden):
            check_image(written, registries, ANN)


@pytest.mark.parametrize(
    "listed",
    ["localhost:5001", "127.0.0.1:5000", "127.1", "0.0.0.0:5000", "0x7f000001", "2130706433", "[::1]:5000", "https://x.y", "a b"],
)
def test_the_machine_itself_cannot_be_listed(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_REGISTRIES", f"ghcr.io, {listed}")
    with pytest.raises(ValidationError, match="MOORING_REGISTRIES"):
        Settings(database_url="x", kubeconfig="x")


@pytest.mark.parametrize("host", ["feed:5000", "10.0.0.9", "registry.internal.example.com:5000", "fedora.example.com"])
def test_another_machine_can_be_listed(host: str) -> None:
    assert Registries.listed(OWN, host).others == {host}


async def test_a_lookup_of_what_is_not_listed_connects_nowhere_and_says_the_same_of_open_and_closed_ports() -> None:
    told = []
    with socket.create_server(("127.0.0.1", 0)) as opened, socket.create_server(("127.0.0.1", 0)) as other:
        closed = other.getsockname()[1]
        other.close()
        opened.setblocking(False)
        for port in (opened.getsockname()[1], closed):
            images = Images(registry.connect(OWN), Registries(own=OWN))
            written = f"127.0.0.1:{port}/a/b:1"
            with pytest.raises(ImageNotFound) as refused:
                await images.resolve(parse(written, OWN), written)
            told.append(refused.value.message.replace(str(port), "PORT"))
        with pytest.raises(BlockingIOError):
            opened.accept()
    assert told[0] == told[1]


async def test_a_listed_registry_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def elsewhere(ref: Any, _: str) -> str:
        asked.append(ref.host)
        return "sha256:" + "0" * 64

    monkeypatch.setattr("clients.images._elsewhere", elsewhere)
    images = Images(registry.connect(OWN), Registries.listed(OWN, "ghcr.io"))
    assert await images.resolve(parse("ghcr.io/a/b:1", OWN), "ghcr.io/a/b:1")
    assert asked == ["ghcr.io"]


async def test_a_registry_outside_that_does_not_answer_is_no_fault_of_the_users() -> None:
    registries = Registries(own=OWN, others=frozenset({"registry.invalid"}))
    image = "registry.invalid/shop/web:1"  # no name below .invalid is ever found (RFC 6761)
    with pytest.raises(OtherRegistryUnavailable, match=r"its registry registry\.invalid does not answer") as raised:
        await Images(registry.connect(OWN), registries).resolve(parse(image, OWN), image)
    assert (raised.value.fault, raised.value.retryable, raised.value.transient) == ("outside", True, False)
