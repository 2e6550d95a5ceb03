"""Removing a project's images from a registry: all pages of its catalog, and one that removes nothing."""

from typing import Any

import httpx
import pytest

from clients.registry import Registry
from model.errors import PushRefused, RegistryUnavailable

DIGEST = "sha256:" + "a" * 64


def registry(answer: Any) -> Registry:
    return Registry("registry.example.com", httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://r"))


async def test_all_pages_are_looked_through_and_no_neighbour_is_taken_for_it() -> None:
    pages = {None: ["a/x", "shop-2/web", "shop/web"], "shop/web": ["shop/api", "shopping/web", "user_shop/x"]}

    def answer(asked: httpx.Request) -> httpx.Response:
        last = asked.url.params.get("last")
        more = {} if last else {"Link": '</v2/_catalog?last=shop%2Fweb&n=3>; rel="next"'}
        return httpx.Response(200, json={"repositories": pages[last]}, headers=more)

    assert await registry(answer).every_repository("shop") == {"shop/web", "shop/api"}


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_a_registry_without_a_catalog_lists_nothing(status: int) -> None:
    assert await registry(lambda _: httpx.Response(status, text="no")).every_repository("shop") == set()


async def test_one_that_removes_nothing_is_told_with_what_to_do() -> None:
    def answer(asked: httpx.Request) -> httpx.Response:
        if asked.method == "DELETE":
            return httpx.Response(405, json={"errors": [{"code": "UNSUPPORTED"}]})
        return httpx.Response(200, json={"tags": ["v1"]}, headers={"Docker-Content-Digest": DIGEST})

    with pytest.raises(PushRefused) as refused:
        await registry(answer).remove_all("shop/web", ())
    assert "storage.delete.enabled" in refused.value.hint
    assert not refused.value.transient


async def test_one_that_is_away_is_waited_for() -> None:
    with pytest.raises(RegistryUnavailable):
        await registry(lambda _: httpx.Response(503)).every_repository("shop")


async def test_what_is_gone_already_is_no_fault() -> None:
    assert await registry(lambda _: httpx.Response(404)).remove_all("shop/web", [DIGEST]) == 0
