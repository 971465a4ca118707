"""GET /queue: which items of the pool to label next."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.errors import HeadstartError
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.routes.asking import whole_number
from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import answer_schema, with_errors

__all__ = ["add"]

COUNT, MOST = 5, 50
PATIENCE = 5.0  # seconds that a request waits for the pool to be ranked
ITEMS = {
    "type": "array",
    "description": "The most helpful first; POST /feedback takes the id as 'queued'.",
    "items": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("id", "text", "image", "sound")},
        "required": ["id"],
    },
}


def add(app: FastAPI, serving: Serving) -> None:
    """Add the route.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-1]
        '/queue'
    """

    async def queue(request: Request) -> Response:
        """Items without a label whose labels would help the model most."""
        count = whole_number(request.query_params.get("n", COUNT), "n", MOST)
        return JsonAnswer({"items": await serving.queueing(_next, serving, count)})

    asked = {"type": "integer", "minimum": 1, "maximum": MOST, "default": COUNT}
    app.add_api_route(
        "/queue", queue, methods=["GET"], tags=["feedback"],
        openapi_extra={
            "parameters": [{"name": "n", "in": "query", "required": False, "schema": asked}],
            "responses": with_errors(
                answer_schema("200", "The items.", {"items": ITEMS}), ("401", "403", "409", "422", "501", "503", "504")
            ),
        },
    )  # fmt: skip


def _next(serving: Serving, count: int) -> list[dict[str, Any]]:
    serving.answering("asks for labels")
    if serving.pool is None:
        raise RequestError(501, "There is no queue: start the server with --pool DATA.")
    try:
        known = serving.store.known if serving.has_store else lambda _: set()
        patience = min(PATIENCE, serving.options.limits.deadline / 2)
        return serving.pool.next(serving.answering("asks for labels"), count, known, patience)
    except TimeoutError:
        said = "The pool is being read and ranked, which takes a while the first time; try again."
        raise RequestError(503, said, {"Retry-After": "3"}) from None
    except HeadstartError as error:
        raise RequestError(409, str(error)) from None
