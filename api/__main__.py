"""`python -m api`."""

import uvicorn

from api.app import build
from api.server import refusing
from api.shell_session import LARGEST_FRAME
from clients import logs
from clients.settings import Settings

if __name__ == "__main__":
    logs.plain()
    host, _, port = Settings().mooring_listen.rpartition(":")
    app = refusing(build())
    uvicorn.run(app, host=host, port=int(port), log_level="warning", timeout_graceful_shutdown=5, ws_max_size=LARGEST_FRAME)
