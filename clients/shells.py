"""A command in a container: Kubernetes' exec over a WebSocket, on connections of its own (Kubernetes: API, connect exec of Pod).

Nothing is read ahead: while its user does not read, aiohttp stops reading the connection, and the container is held up in turn.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.stream import WsApiClient
from kubernetes.aio.stream.ws_client import ERROR_CHANNEL, RESIZE_CHANNEL, STDERR_CHANNEL, STDIN_CHANNEL, STDOUT_CHANNEL

from clients.kubernetes import path_of, refusal
from model.base import Frozen
from model.errors import ClusterUnreachable

_TO_OPEN = 15.0
_TO_CLOSE = 1.0
# Only the fifth version can tell the end of the input (Kubernetes >= 1.30: remotecommand, StreamCloseWebsocketRequests).
_WITH_TERMINAL, _WITH_END = "v4.channel.k8s.io", "v5.channel.k8s.io"
_CLOSE_CHANNEL = 255


class Exit(Frozen):
    """How a command in a container ended: its exit code, or None where it has none and `message` tells the cluster's words."""

    code: int | None
    message: str = ""


class Shell:
    """One open command; iterate over what it writes. `exit` is set at its end, None where the connection broke."""

    def __init__(self, stream: aiohttp.ClientWebSocketResponse) -> None:
        self._stream = stream
        self.exit: Exit | None = None

    async def write(self, data: bytes) -> None:
        """Type `data`; waits while the container does not take it. Nothing happens once the command has ended."""
        await self._send(STDIN_CHANNEL, data)

    async def resize(self, cols: int, rows: int) -> None:
        """Set the terminal's size in characters."""
        await self._send(RESIZE_CHANNEL, json.dumps({"Width": cols, "Height": rows}).encode())

    async def end_input(self) -> None:
        """Tell a command without a terminal that no more input comes."""
        await self._send(_CLOSE_CHANNEL, bytes([STDIN_CHANNEL]))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """What the command writes, as it comes, until it ends."""
        async for message in self._stream:
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            channel, data = message.data[0], message.data[1:]
            if channel in (STDOUT_CHANNEL, STDERR_CHANNEL) and data:
                yield data
            elif channel == ERROR_CHANNEL:
                self.exit = exit_of(data)

    async def _send(self, channel: int, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # it has ended: its reader learns how
            await self._stream.send_bytes(bytes([channel]) + data)


class Shells:
    """Runs commands in one cluster's containers; use it as an async context manager."""

    def __init__(self, api: WsApiClient) -> None:
        self._api = api

    async def __aenter__(self) -> "Shells":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self._api.close()

    @contextlib.asynccontextmanager
    async def opened(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, tty: bool = True
    ) -> AsyncIterator[Shell]:
        """The command running with a terminal, or with `tty` off with plain pipes; it is hung up at the end of the block.

        Raises NotFound, Forbidden, and ClusterUnreachable also when it does not open within 15 s.
        """
        streams = (("stdin", "true"), ("stdout", "true"), ("tty" if tty else "stderr", "true"))
        query = urlencode([("container", container), *streams, *(("command", word) for word in command)])
        method, url, headers, _, _ = await self._api.param_serialize(
            "GET", f"{path_of('Pod', namespace, pod)}/exec?{query}", auth_settings=["BearerToken"]
        )
        try:
            async with asyncio.timeout(_TO_OPEN):
                headers["sec-websocket-protocol"] = _WITH_TERMINAL if tty else _WITH_END
                connecting = await self._api.request(method, url, headers=headers, _preload_content=False)
                stream = await connecting
        except aiohttp.WSServerHandshakeError as error:
            raise refusal(error.status, error.message.encode()) from error
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise ClusterUnreachable(f"The cluster's API does not open the shell ({type(error).__name__}).") from error
        try:
            yield Shell(stream)
        finally:
            with contextlib.suppress(TimeoutError):  # cut short it closes the connection at once
                async with asyncio.timeout(_TO_CLOSE):
                    await stream.close()


def exit_of(status: bytes) -> Exit:
    """The exit that the Status on the error channel tells (Kubernetes: remotecommand, NonZeroExitCode).

    >>> exit_of(b'{"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}')
    Exit(code=3, message='')
    """
    told = json.loads(status)
    if told.get("status") == "Success":
        return Exit(code=0)
    causes = told.get("details", {}).get("causes", [])
    codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
    return Exit(code=codes[0] if codes else None, message=told.get("message", ""))


async def connect(kubeconfig: str) -> Shells:
    """Shells of the cluster that `kubeconfig` names; nothing is sent yet."""
    configuration = kubernetes_client.Configuration()
    await kubernetes_config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    configuration.connection_pool_maxsize = 0  # one connection for each shell: who opens them counts them
    return Shells(WsApiClient(configuration))
