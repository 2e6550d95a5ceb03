"""api: sums up what store keeps. GET /summary, POST /entries, GET /readyz (ready when store answers)."""

import os

from serving import VERSION, Service, ask, serve

STORE = os.environ.get("STORE_URL", "http://store:8080")


class Api(Service):
    def get(self):
        if self.path == "/readyz":
            return 200, ask(f"{STORE}/readyz")
        if self.path != "/summary":
            return self.unknown()
        kept = ask(f"{STORE}/entries")
        versions = {"api": VERSION, "store": kept["version"]}
        return 200, {"versions": versions, "count": len(kept["entries"]), "entries": kept["entries"]}

    def post(self, body):
        return (201, ask(f"{STORE}/entries", body.encode())) if self.path == "/entries" else self.unknown()


if __name__ == "__main__":
    serve("api", Api)
