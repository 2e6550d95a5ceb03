"""store: keeps the guest book's entries in a file. GET and POST /entries, GET /readyz."""

import json
import os
import threading
from pathlib import Path

from serving import VERSION, Service, serve

FILE = Path(os.environ.get("STORE_FILE", "/tmp/entries.json"))
ONE_WRITES = threading.Lock()


def entries():
    return json.loads(FILE.read_text()) if FILE.exists() else ["The first entry"]


def add(entry):
    with ONE_WRITES:
        kept = [*entries(), entry]
        draft = FILE.with_suffix(".new")
        draft.write_text(json.dumps(kept))
        draft.replace(FILE)
    return kept


class Store(Service):
    def get(self):
        if self.path == "/readyz":
            return 200, {"ready": True}
        if self.path == "/entries":
            return 200, {"version": VERSION, "entries": entries()}
        return self.unknown()

    def post(self, body):
        return (201, {"entries": add(body)}) if self.path == "/entries" else self.unknown()


if __name__ == "__main__":
    serve("store", Store)
