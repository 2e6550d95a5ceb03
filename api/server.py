"""What the server, uvicorn, has to be told beside the application: of one process, or of several that share an address.

What is imported here is imported by the process that looks after the others too, so it is little.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from multiprocessing import connection

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from clients.settings import Settings

LARGEST_FRAME = 64 * 1024
# A process says that it lives once it has begun to import the application; on a busy machine that takes its time.
LONGEST_SILENCE = 60
_LONGEST_END = 15


def run(settings: Settings) -> None:
    """Serve the API until SIGTERM or SIGINT, by MOORING_API_PROCESSES processes; one of several that dies is replaced."""
    if settings.mooring_api_processes == 1:
        _serve(settings)
        return
    with tempfile.TemporaryDirectory(prefix="mooring-api-") as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures  # prometheus_client looks for it when it is imported
        _serve(settings)


def _serve(settings: Settings) -> None:
    host, _, port = settings.mooring_listen.rpartition(":")
    uvicorn.run(
        "api.app:served",
        factory=True,
        host=host,
        port=int(port),
        workers=settings.mooring_api_processes,
        log_level="warning",
        access_log=False,  # it would be put together for each request, and then not be written
        timeout_graceful_shutdown=5,
        timeout_worker_healthcheck=LONGEST_SILENCE,
        ws_max_size=LARGEST_FRAME,
    )


def end_with_parent() -> None:
    """Have this process, where it is one of several, end when the one that looks after them has died: it holds the address."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(parent: int) -> None:
    connection.wait([parent])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LONGEST_END)  # this thread ends with the process
    os._exit(1)


def refusing(app: ASGIApp) -> ASGIApp:
    """The application, with its refusals of WebSockets by an HTTP response told to uvicorn as an end.

    Else it takes them for handshakes that were forgotten, and logs an error for each (ASGI: Websocket Denial Response).
    """

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def sent(message: Message) -> None:
            nonlocal refused
            refused = refused or message["type"] == "websocket.http.response.start"
            await send(message)

        await app(scope, receive, sent)
        if refused:
            raise ClientDisconnected

    return called
