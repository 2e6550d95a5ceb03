"""What a tenant's instance answers to a gate's probe leads the platform nowhere else."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from kubernetes.aio import client as kubernetes_client

from clients.kubernetes import Cluster
from model.errors import ClusterUnreachable, Forbidden, MooringError

# As API server v1.33 answers in the pod's place.
STATUSES = {
    "ServiceUnavailable": (503, "error trying to reach service: dial tcp 10.244.0.78:9999: connect: connection refused"),
    "NotFound": (404, 'pods "web-1" not found'),
    "Forbidden": (403, 'pods "web-1" is forbidden: User "x" cannot get resource "pods/proxy"'),
    "TooManyRequests": (429, "the server has received too many requests"),
}


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
        for reason, (code, words) in STATUSES.items():
            if reason in path:
                told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": words, "reason": reason, "code": code}
                writer.write(f"HTTP/1.1 {code} No\r\nConnection: close\r\n\r\n{json.dumps(told)}".encode())
                await writer.drain()
                writer.close()
                return
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
    assert await server[1].ask_pod("shop", "web-1", 80, "/slow", 0.2) == (0, "no answer on port 80 within 0.2 s")


async def test_a_pod_that_takes_no_connection_is_told_without_the_api_servers_own_answer(server: tuple[Server, Cluster]) -> None:
    answer = await server[1].ask_pod("shop", "web-1", 9999, "/ServiceUnavailable", 5)
    assert answer == (0, "no answer on port 9999 (connection refused)")
    assert await server[1].ask_pod("shop", "web-1", 80, "/NotFound", 5) == (0, "it is gone")


@pytest.mark.parametrize(("reason", "error"), [("Forbidden", Forbidden), ("TooManyRequests", ClusterUnreachable)])
async def test_what_keeps_the_api_server_from_asking_is_not_the_pods(
    server: tuple[Server, Cluster], reason: str, error: type[MooringError]
) -> None:
    with pytest.raises(error):
        await server[1].ask_pod("shop", "web-1", 80, f"/{reason}", 5)
