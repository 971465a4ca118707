"""GET /docs: the routes as one page, without scripts and without network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import with_errors

__all__ = ["add", "documentation_page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
FILES = "<p>Files are read too, as a form: <code>-F files=@FILE</code>.</p>"
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:52rem;padding:1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.875rem}
pre{background:#8881;border-radius:.5rem;overflow-x:auto;padding:.75rem}
details{border:1px solid #8885;border-radius:.5rem;margin:.5rem 0;padding:.5rem .75rem}
summary{cursor:pointer;overflow-wrap:anywhere}summary b{display:inline-block;min-width:3.5rem}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid #8883;padding:.25rem .5rem .25rem 0;vertical-align:top}
"""


def add(app: FastAPI, serving: Serving) -> None:  # noqa: ARG001 (every module of routes is added alike)
    """Add the route.

    Examples:
        >>> app = FastAPI(docs_url=None)
        >>> add(app, None)
        >>> [route.path for route in app.routes][-1]
        '/docs'
    """

    async def docs(request: Request) -> Response:
        """This page."""
        base = f"{request.url.scheme}://{request.headers.get('host', '')}"
        return HTMLResponse(documentation_page(app.openapi(), base), headers={"Content-Security-Policy": POLICY})

    page = {"200": {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}}
    app.add_api_route(
        "/docs",
        docs,
        methods=["GET"],
        tags=["operation"],
        openapi_extra={"responses": with_errors(page, ("401", "403"))},
    )


def documentation_page(description: Mapping[str, Any], base: str) -> str:
    """A page that lists the routes of an application.

    Args:
        description: the OpenAPI description.
        base: where the application is reached.

    Examples:
        >>> page = documentation_page({"info": {"title": "<a>", "version": "1"}, "paths": {}}, "http://127.0.0.1")
        >>> "<title>&lt;a&gt;</title>" in page, "<script" in page
        (True, False)
    """
    title = escape(description["info"]["title"])
    parts = "".join(_routes(description["paths"], base))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title}</title><style>{STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>headstart {escape(description['info']['version'])}. Errors are JSON: "
        f'<code>{{"error": "one sentence"}}</code>. The description for programs is '
        f'<a href="/openapi.json">/openapi.json</a>.</p>{parts}</body></html>'
    )


def _routes(paths: Mapping[str, Any], base: str) -> Iterator[str]:
    last = ""
    for path, methods in paths.items():
        for method, about in methods.items():
            tag = (about.get("tags") or ["other"])[0]
            if tag != last:
                yield f"<h2>{escape(tag)}</h2>"
                last = tag
            yield _route(path, method.upper(), about, base)


def _route(path: str, method: str, about: Mapping[str, Any], base: str) -> str:
    content = about.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {})
    members = body.get("schema", {}).get("properties", {})
    meanings = {name: escape(str(one.get("description", one.get("type", "")))) for name, one in members.items()}
    rows = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{said}</td></tr>" for name, said in meanings.items())
    codes = "".join(
        f"<tr><td>{escape(code)}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for code, one in about.get("responses", {}).items()
    )
    sent = f" -H 'Content-Type: application/json' -d '{json.dumps(body['example'])}'" if "example" in body else ""
    call = f"<pre>{escape(f'curl {base}{path}{sent}')}</pre>" if sent or method == "GET" else ""
    files = FILES if "multipart/form-data" in content else ""
    said = escape(about.get("description") or about.get("summary", ""))
    return (
        f"<details><summary><b>{method}</b> <code>{escape(path)}</code></summary><p>{said}</p>{call}{files}"
        f"<table>{rows}</table><table>{codes}</table></details>"
    )
