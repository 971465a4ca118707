"""GET /health and GET /metrics."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from headstart.serve.http.errors import JsonAnswer
from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import answer_schema, with_errors

__all__ = ["add"]

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
STATE = {
    "status": {"type": "string", "description": "UP, as Label Studio expects it."},
    "live": {"type": "boolean"},
    "ready": {"type": "boolean"},
    "model_version": {"type": "string"},
    "problem": {"type": "string", "description": "Why the newest version could not be loaded; else empty."},
}


def add(app: FastAPI, serving: Serving) -> None:
    """Add the routes.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-2:]
        ['/health', '/metrics']
    """

    async def health() -> Response:
        """Whether the server lives, and whether it takes requests."""
        ready = serving.batcher.is_open
        state = {
            "status": "UP", "live": True, "ready": ready, "model_version": serving.slot.current.version,
            "problem": serving.problem, "model_class": serving.name,
        }  # fmt: skip
        return JsonAnswer(state, status_code=200 if ready else 503)

    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(serving.meters.text(), media_type=PLAIN)

    app.add_api_route(
        "/health", health, methods=["GET"], tags=["operation"],
        openapi_extra={"responses": with_errors(answer_schema("200", "It serves.", STATE), ("403", "503"))},
    )  # fmt: skip
    text = {"200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    app.add_api_route(
        "/metrics", metrics, methods=["GET"], tags=["operation"],
        openapi_extra={"responses": with_errors(text, ("401", "403"))},
    )  # fmt: skip
