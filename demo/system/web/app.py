"""web: the guest book's page. GET /, POST / (an entry), GET /readyz (ready when api is)."""

import html
import os
from urllib.parse import parse_qs

from serving import VERSION, Service, ask, serve

API = os.environ.get("API_URL", "http://api:8080")
TITLE = os.environ.get("TITLE", "Guest book")
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>
<p>web {web}, api {api}, store {store}; {count} entries</p>
<ul>{entries}</ul>
<form method="post"><input name="entry" aria-label="Entry"> <button>Add</button></form>
</html>
"""


def page():
    summary = ask(f"{API}/summary")
    listed = "".join(f"<li>{html.escape(entry)}</li>" for entry in summary["entries"])
    return PAGE.format(title=html.escape(TITLE), web=VERSION, count=summary["count"], entries=listed, **summary["versions"])


class Web(Service):
    def get(self):
        if self.path == "/readyz":
            return 200, ask(f"{API}/readyz")
        return (200, page()) if self.path == "/" else self.unknown()

    def post(self, body):
        entry = parse_qs(body).get("entry", ["…"])[0]
        ask(f"{API}/entries", entry.encode())
        return 200, page()


if __name__ == "__main__":
    serve("web", Web)
