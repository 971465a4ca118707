"""POST /explain: why the model answers as it does for one item, as JSON or as a page."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from headstart.errors import HeadstartError, ItemError
from headstart.serve.batching.annotator import Served
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.items.reading import converter, item_of
from headstart.serve.routes.asking import whole_number
from headstart.serve.routes.context import Serving
from headstart.serve.routes.predict import ask
from headstart.serve.routes.schemas import ERRORS, ITEM, answer_schema, body_of, with_errors

__all__ = ["add"]

METHODS, LABELS = "method", ("label", "against")
MEMBERS = (METHODS, *LABELS, "count", "format")
MOST_METHODS, COUNT, MOST_LISTED = 4, 6, 50
BODY = body_of(
    {
        "item": ITEM,
        "method": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MOST_METHODS}]
        },
        "label": {"type": "string", "description": "The label to explain; default: the answer."},
        "against": {"type": "string", "description": "The label to compare it with."},
        "count": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED},
        "format": {"enum": ["json", "html"]},
    },
    required=["item"],
    example={"item": "Where is my parcel?"},
)  # fmt: skip


def add(app: FastAPI, serving: Serving) -> None:
    """Add the route.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-1]
        '/explain'
    """

    async def explain(request: Request) -> Response:
        """Words, columns or pixels, and the training items behind one answer."""
        asked = await ask(request, serving.options.limits, more=MEMBERS)
        if len(asked.items) != 1:
            raise RequestError(422, f"One item is explained at a time. Got {len(asked.items)}.")
        fields = asked.fields
        given = fields.get("count")
        count = COUNT if given is None else whole_number(given, "count", MOST_LISTED)
        options: dict[str, Any] = {"method": _methods(fields.get(METHODS)), "count": count}
        options |= {name: _label(fields.get(name), name) for name in LABELS}
        served = serving.slot.current
        found = await serving.explaining(_explained, served, asked.items[0], serving, options)
        wanted = fields.get("format") or request.query_params.get("format")
        accepts_page = "text/html" in request.headers.get("accept", "") and wanted is None
        if wanted not in (None, "json", "html"):
            raise RequestError(422, "The member 'format' must be json or html.")
        if wanted == "html" or accepts_page:
            from headstart.report.explanation import explanation_page

            return HTMLResponse(explanation_page(found, serving.name))
        return JsonAnswer({**found.to_dict(), "model_version": served.version})

    answers = {"predicted": {"type": "string"}, "attributions": {"type": "array", "items": {"type": "object"}}}
    responses = with_errors(answer_schema("200", "The reasons.", answers), ERRORS)
    responses["200"]["content"]["text/html"] = {"schema": {"type": "string"}}
    app.add_api_route(
        "/explain", explain, methods=["POST"], tags=["answers"],
        openapi_extra={"requestBody": BODY, "responses": responses},
    )  # fmt: skip


def _explained(served: Served, value: Any, serving: Serving, options: dict[str, Any]) -> Any:
    """The explanation of an item, in a thread; the body runs in as many threads as it may."""
    limits = serving.options.limits
    item = item_of(value, served, limits)
    convert = converter(served, limits)
    try:
        if isinstance(item, ItemError):
            raise item
        item = item if convert is None else convert(item)
        with served.gate:
            return served.model.explain(item, **options)
    except HeadstartError as error:
        raise RequestError(422, str(error)) from None


def _methods(given: Any) -> list[str] | None:
    names = [given] if isinstance(given, str) else given
    if names is None:
        return None
    if not isinstance(names, list) or not 0 < len(names) <= MOST_METHODS or not all(isinstance(n, str) for n in names):
        raise RequestError(422, f"The member 'method' must be a name, or a list of 1 to {MOST_METHODS} names.")
    return names


def _label(given: Any, name: str) -> str | None:
    if given is not None and not isinstance(given, str):
        raise RequestError(422, f"The member '{name}' must be a label.")
    return given
