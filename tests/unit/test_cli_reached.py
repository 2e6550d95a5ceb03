"""Where an app is reached from this machine, as it is told after it was deployed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from cli import reached
from cli.api import Api
from cli.session import Session


class Names(httpx.AsyncBaseTransport):
    """A name service that answers this."""

    def __init__(self, status: int = 200, message: str = "", content: list[dict[str, Any]] | None = None) -> None:
        body = {"Code": 0, "Message": message, "content": content or []}
        self._reply = httpx.Response(status, json=body | ({"Reason": "Conflict"} if status != 200 else {}))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return self._reply


def line(private: str, public: str = "", protocol: str = "tcp") -> dict[str, Any]:
    """One instance's port."""
    named = {"instanceName": "web-a", "protocol": protocol, "port": 8080, "name": "web.shop.svc"}
    return named | {"privateAddr": private, "publicAddr": public}


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """An address that takes connections."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def closed() -> str:
    """An address that takes none."""
    async with listening() as address:
        return address


async def told(*content: dict[str, Any], **reply: Any) -> str:
    """What a person is told."""
    async with Api(Session("http://mooring.example", "t"), Names(content=list(content), **reply)) as api:
        return "\n".join(text.plain for text in reached.told("shop", "web", await reached.addresses_of(api, "shop", "web")))


async def test_the_outside_address_that_answers_here_is_told_once_for_all_instances() -> None:
    async with listening() as address:
        shut = await closed()
        assert await told(line(shut, address), line(shut, address)) == f"Reach it: http://{address}"


async def test_without_one_outside_it_says_how_to_have_one() -> None:
    async with listening() as address:
        said = await told(line(address))
    assert f"Reach it from this machine, as long as the instance lives: http://{address}" in said
    assert "mooring app rollout shop web --outside --watch" in said
    assert "Inside the cluster: web.shop.svc:8080" in await told(line(await closed()))


async def test_an_address_that_does_not_answer_is_told_as_that() -> None:
    shut = await closed()
    assert f"does not answer this machine just now): {shut}" in await told(line("10.255.255.1:80", shut, protocol="tcp"))
    assert (
        await told(line("10.1.1.1:53", "10.1.1.2:53", protocol="udp"))
        == "From outside: 10.1.1.2:53\nInside the cluster: web.shop.svc:8080"
    )


async def test_where_there_is_none_the_platform_says_why() -> None:
    assert await told(message="The app 'web' opens no ports. Name them in portMappings.") == (
        "The app 'web' opens no ports. Name them in portMappings."
    )
    assert "is a Job" in await told(status=409, message="'web' is a Job: nothing is reached at it.")


class Several(httpx.AsyncBaseTransport):
    """A name service that knows a web app and a Job."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path.endswith("/job"):
            return httpx.Response(409, json={"Code": 1, "Message": "It is a Job.", "Reason": "Conflict"})
        content = [line("", "127.0.0.1:1", "udp")]
        return httpx.Response(200, json={"Code": 0, "Message": "", "content": content})


async def test_of_a_stack_each_app_that_opens_a_port_is_told() -> None:
    async with Api(Session("http://mooring.example", "t"), Several()) as api:
        found, lines = await reached.of_several(api, "shop", ["live-web", "job"])
    assert [line["app"] for line in found["content"]] == ["live-web"]
    assert [text.plain for text in lines] == ["live-web  From outside: 127.0.0.1:1"]
