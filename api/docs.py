"""The page /docs: Swagger UI over /openapi.json, all of it from this platform, none from another host; how one signs in."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.staticfiles import StaticFiles

_FILES = "/docs/files"
# The page's own script stands in it.
_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


_BEARER = {"type": "http", "scheme": "bearer", "description": "A platform token: `Authorization: Bearer mrg_…`"}


def install(app: FastAPI) -> None:
    """Serve the page, and the files of the package fastapi-swagger that it loads; have the description say how one signs in."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        """What FastAPI says, and the token: said by a dependency of each route it would take time of each request."""
        told = generated()
        told["components"]["securitySchemes"] = {"HTTPBearer": _BEARER}
        for path, verbs in told["paths"].items():
            if path.startswith("/v2/"):
                for verb in verbs.values():
                    verb["security"] = [{"HTTPBearer": []}]
        return told

    app.openapi = openapi  # type: ignore[method-assign]

    async def page(_: Request) -> HTMLResponse:
        """Show the API."""
        shown = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{_FILES}/favicon-32x32.png",
        )
        shown.headers["Content-Security-Policy"] = _POLICY
        return shown

    app.add_route("/docs", page, include_in_schema=False)
    app.mount(_FILES, StaticFiles(packages=[("fastapi_swagger", "resources")]))
