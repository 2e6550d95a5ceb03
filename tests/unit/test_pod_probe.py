"""What a tenant's instance answers to a gate's probe leads the platform nowhere else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from kubernetes.aio import client as kubernetes_client

from clients.kubernetes import Cluster


class Server:
    """Stands for the API server: keeps the paths it is asked for, and answers as its path says."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        if "slow" in path:
            await asyncio.sleep(5)
        away = "HTTP/1.1 302 Found\r\nLocation: /api/v1/secrets\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        body = "x" * 5000
        here = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        writer.write((away if "away" in path else here).encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Cluster]]:
    answering = Server()
    listening = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    cluster = Cluster(kubernetes_client.ApiClient(kubernetes_client.Configuration(host=f"http://127.0.0.1:{port}")))
    yield answering, cluster
    await cluster.close()
    listening.close()


async def test_a_redirect_is_an_answer_and_is_not_followed(server: tuple[Server, Cluster]) -> None:
    answering, cluster = server
    assert await cluster.ask_pod("shop", "web-1", 80, "/away", 5) == (302, "")
    assert answering.asked == ["/api/v1/namespaces/shop/pods/web-1:80/proxy/away"]


async def test_a_path_is_sent_as_it_is(server: tuple[Server, Cluster]) -> None:
    answering, cluster = server
    status, text = await cluster.ask_pod("shop", "web-1", 80, "/a/%2e%2e/b?c=%20d", 5)
    assert (status, len(text)) == (200, 500)
    assert answering.asked == ["/api/v1/namespaces/shop/pods/web-1:80/proxy/a/%2e%2e/b?c=%20d"]


async def test_what_does_not_answer_in_time_is_told(server: tuple[Server, Cluster]) -> None:
    assert await server[1].ask_pod("shop", "web-1", 80, "/slow", 0.2) == (0, "no answer within 0.2 s")
