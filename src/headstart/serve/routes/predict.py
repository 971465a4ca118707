"""POST /predict: one item, many, or files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.serve.batching.annotator import Served
from headstart.serve.batching.calls import Answer
from headstart.serve.batching.served import AnswerOptions
from headstart.serve.http.bodies import is_form, read_form, read_json
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.options import RequestLimits
from headstart.serve.routes import label_studio
from headstart.serve.routes.asking import OPTION_NAMES, answer_options
from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import PREDICT

__all__ = ["ItemsAsked", "add", "ask", "predictions"]

ITEM_KEYS = ("item", "items", "ids")


@dataclass
class ItemsAsked:
    """The items of a request and what it asks for.

    Attributes:
        items: as they were sent.
        options: what the answers hold.
        ids: for each item, how its answer is to be named; positions by default.
        fields: the body, for what a route reads besides.

    Examples:
        >>> list(ItemsAsked(["a"], AnswerOptions(), [0]).fields)
        []
    """

    items: list[Any]
    options: AnswerOptions
    ids: Sequence[Any]
    fields: Mapping[str, Any] = field(default_factory=dict)


def add(app: FastAPI, serving: Serving) -> None:
    """Add the route.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-1]
        '/predict'
    """

    async def predict(request: Request) -> Response:
        """Labels with calibrated probabilities, values, or spans, boxes and masks, of the items of a request."""
        with serving.batcher.arrival():
            given = await (_of_form(request, serving.options.limits) if is_form(request) else read_json(request))
        if isinstance(given, dict) and "tasks" in given:
            return await label_studio.predict(serving, given)
        asked = given if isinstance(given, ItemsAsked) else _of_json(request, given)
        served = serving.slot.current
        return answer_of(asked, await serving.answers(served, asked.items, asked.options), served)

    app.add_api_route("/predict", predict, methods=["POST"], tags=["answers"], openapi_extra=PREDICT)


async def ask(request: Request, limits: RequestLimits, *, more: Sequence[str] = ()) -> ItemsAsked:
    """The items of a request, as JSON or as a form.

    Args:
        request: whose body is read.
        limits: of the body.
        more: further members that the body may have.

    Raises:
        RequestError: 4xx, if it cannot be read or lacks items.

    Examples:
        >>> import asyncio
        >>> async def receive():
        ...     return {"type": "http.request", "body": b'{"items": ["a", "b"], "top": 1}', "more_body": False}
        >>> scope = {"type": "http", "method": "POST", "headers": [], "query_string": b"novel=true"}
        >>> asked = asyncio.run(ask(Request(scope, receive), RequestLimits()))
        >>> asked.items, asked.options.top, asked.options.novel
        (['a', 'b'], 1, True)
    """
    if is_form(request):
        return await _of_form(request, limits, more)
    return _of_json(request, await read_json(request), more)


def _of_json(request: Request, body: Any, more: Sequence[str] = ()) -> ItemsAsked:
    if not isinstance(body, dict):
        raise RequestError(422, 'The body must be an object such as {"items": [...]} or {"item": ...}.')
    unknown = [key for key in body if key not in ITEM_KEYS and key not in OPTION_NAMES and key not in more]
    if unknown:
        known = ", ".join((*ITEM_KEYS, *OPTION_NAMES, *more))
        raise RequestError(422, f"The member {unknown[0]!r:.60} is not known. Known: {known}.")
    if ("items" in body) == ("item" in body):
        raise RequestError(422, "Give the items as 'items', a list, or one of them as 'item'.")
    options = answer_options(request.query_params, body)
    if "item" in body:
        return ItemsAsked([body["item"]], options, [0], fields=body)
    items, ids = body["items"], body.get("ids")
    if not isinstance(items, list):
        raise RequestError(422, "The member 'items' must be a list; give one item as 'item'.")
    if ids is not None and not _are_names(ids, len(items)):
        raise RequestError(422, "The member 'ids' must be a list with a text or number for each item.")
    return ItemsAsked(items, options, range(len(items)) if ids is None else ids, fields=body)


def _are_names(ids: Any, count: int) -> bool:
    return isinstance(ids, list) and len(ids) == count and all(isinstance(one, str | int) for one in ids)


async def _of_form(request: Request, limits: RequestLimits, more: Sequence[str] = ()) -> ItemsAsked:
    """Files, and texts in fields named ``item`` or ``items``, in this order; ``ids`` names them."""
    form = await read_form(request, limits)
    unknown = [key for key in form.fields if key not in ITEM_KEYS and key not in OPTION_NAMES and key not in more]
    if unknown:
        raise RequestError(422, f"The field {unknown[0]!r:.60} is not known; send files, or texts as 'item'.")
    items: list[Any] = [raw for raw, _ in form.files]
    ids: list[Any] = [name or place for place, (_, name) in enumerate(form.files)]
    for key in ("item", "items"):
        for text in form.fields.get(key, ()):
            ids.append(len(items))
            items.append(text)
    if not items:
        raise RequestError(422, "The form holds no file and no field 'item'.")
    if "ids" in form.fields:
        ids = _form_ids(form.fields["ids"], len(items))
    fields = {key: values[-1] for key, values in form.fields.items()}
    return ItemsAsked(items, answer_options(request.query_params, fields), ids, fields=fields)


def _form_ids(given: list[str], count: int) -> list[Any]:
    """The names of a form's items: a field for each, or one field with a JSON list."""
    ids: Any = given
    if len(given) == 1 and given[0].lstrip().startswith("["):
        try:
            ids = json.loads(given[0])
        except (ValueError, RecursionError):
            ids = None
    if not _are_names(ids, count):
        raise RequestError(422, f"The field 'ids' must be sent once for each of the {count} items, or as a JSON list.")
    return list(ids)


def predictions(asked: ItemsAsked, found: Sequence[Answer]) -> list[dict[str, Any]]:
    """The answers, each with the name of its item.

    Examples:
        >>> predictions(ItemsAsked(["x"], AnswerOptions(), ["a7"]), [{"label": "up"}])
        [{'id': 'a7', 'label': 'up'}]
    """
    return [{"id": name, **answer} for name, answer in zip(asked.ids, found, strict=True)]


def answer_of(asked: ItemsAsked, found: Sequence[Answer], served: Served) -> Response:
    """The answer to a request; 422 if none of its items could be read.

    Raises:
        RequestError: 422, with the reason of each item.
    """
    listed = predictions(asked, found)
    if found and all("error" in answer for answer in found):
        raise RequestError(422, str(found[0]["error"]), more={"predictions": listed, "model_version": served.version})
    return JsonAnswer({"predictions": listed, "model_version": served.version})
