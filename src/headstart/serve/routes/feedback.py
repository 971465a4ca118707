"""POST /feedback: labels and corrections of items, acknowledged when they are committed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.errors import HeadstartError, ItemError, ParameterError, SaveError
from headstart.serve.batching.calls import Answer
from headstart.serve.batching.served import AnswerOptions, ServedModel
from headstart.serve.http.bodies import is_form, read_form, read_json
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.items.keeping import item_to_keep
from headstart.serve.routes.context import Serving
from headstart.serve.routes.learning import teach_if_due
from headstart.serve.routes.schemas import ERRORS, ITEM, answer_schema, body_of, with_errors
from headstart.serve.store.events import ConflictError, Feedback
from headstart.serve.teaching.from_feedback import label_problem
from headstart.tasks import is_classification, is_multilabel, is_regression

__all__ = ["add", "keep"]

MEMBERS = ("item", "queued", "label", "key", "who", "predicted", "probability", "model_version")
ANSWER = ("predicted", "probability", "model_version")
HEADER = "Idempotency-Key"
LABEL = {
    "description": "The right label; for other tasks a list of labels, a value, or values by their names. A new label "
    "becomes a new class.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "number"},
        {"type": "array", "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}]}},
        {"type": "object", "additionalProperties": {"type": "number"}},
    ],
}
EVENT = {
    "item": ITEM,
    "label": LABEL,
    "key": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Makes a repeated request harmless."},
    "who": {"type": "string", "maxLength": 200},
    "queued": {"type": "string", "description": "In place of an item: the id of one of GET /queue."},
    "predicted": {"description": "What the model had answered; default: what it answers now."},
    "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "Of that answer."},
    "model_version": {"type": "string", "maxLength": 40, "description": "The version that had answered."},
}


def add(app: FastAPI, serving: Serving) -> None:
    """Add the route.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-1]
        '/feedback'
    """

    async def feedback(request: Request) -> Response:
        """Keep labels; when the answer comes, they are committed to disk."""
        if is_form(request):
            given = await _of_form(request, serving)
        else:
            given = _of_json(await read_json(request))
        if HEADER in request.headers:
            _name_by_header(given, request.headers[HEADER])
        numbers = await keep(serving, given)
        version = serving.slot.current.version
        return JsonAnswer({"numbers": numbers, "kept": len(numbers), "model_version": version}, status_code=201)

    body = body_of(
        {**EVENT, "events": {"type": "array", "items": {"type": "object", "properties": EVENT}}},
        required=[],
        example={"item": "Where is my parcel?", "label": "delivery"},
    )  # fmt: skip
    kept = {"numbers": {"type": "array", "items": {"type": "integer"}}, "kept": {"type": "integer"}}
    responses = with_errors(answer_schema("201", "Committed.", kept), (*ERRORS, "409", "501"))
    app.add_api_route(
        "/feedback", feedback, methods=["POST"], tags=["feedback"], status_code=201,
        openapi_extra={"requestBody": body, "responses": responses},
    )  # fmt: skip


def _of_json(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        raise RequestError(422, "The body must be an object with 'item' and 'label', or with 'events'.")
    events = body.get("events")
    if events is None:
        events = [body]
    elif set(body) != {"events"} or not isinstance(events, list):
        raise RequestError(422, "The member 'events' must be a list, and stand alone.")
    for one in events:
        if not isinstance(one, dict) or ("item" in one) == ("queued" in one) or "label" not in one:
            raise RequestError(422, "Each event must be an object with 'label', and with 'item' or 'queued'.")
        unknown = [name for name in one if name not in MEMBERS]
        if unknown:
            raise RequestError(422, f"The member {unknown[0]!r:.60} is not known. Known: {', '.join(MEMBERS)}.")
    return [dict(one) for one in events]


def _name_by_header(events: Sequence[dict[str, Any]], key: str) -> None:
    """Give events without a key that of the header; of several events, each gets its place with it."""
    for place, one in enumerate(events):
        one.setdefault("key", key if len(events) == 1 else f"{key}-{place}")


async def _of_form(request: Request, serving: Serving) -> list[dict[str, Any]]:
    """One file or text, with its label."""
    form = await read_form(request, serving.options.limits)
    fields: dict[str, Any] = {name: values[-1] for name, values in form.fields.items()}
    unknown = [name for name in fields if name not in MEMBERS or name == "queued"]
    if unknown or len(form.files) + ("item" in fields) != 1 or "label" not in fields:
        raise RequestError(422, "The form must hold one file or a field 'item', and a field 'label'.")
    if "probability" in fields:
        try:
            fields["probability"] = float(fields["probability"])
        except ValueError:
            raise RequestError(422, "'probability' must be a number from 0 to 1.") from None
    item: Any = form.files[0][0] if form.files else fields["item"]
    return [{**fields, "item": item}]


async def keep(serving: Serving, given: Sequence[Mapping[str, Any]]) -> list[int]:
    """Check feedback, and commit it: all or none; where so much waits that it is to be taught, that begins.

    Args:
        serving: the application.
        given: events with ``item`` or ``queued``, ``label``, and perhaps ``key``, ``who`` and what had been answered.

    Returns:
        The number of each in the store.

    Raises:
        RequestError: 422 for an item or label that does not fit the model, 409 for a key that was used for other
            feedback or a model that annotates items, 503 if it cannot be committed, 501 if there is no place to keep
            it.

    Examples:
        >>> import asyncio, tempfile
        >>> from pathlib import Path
        >>> from headstart import zero_shot
        >>> from headstart.serve.options import ServeOptions
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> serving = Serving.open(Path(run), ServeOptions())
        >>> asyncio.run(keep(serving, [{"item": "where is it", "label": "parcel"}]))
        [1]
        >>> serving.close()
    """
    served = serving.answering("keeps feedback")
    items = await serving.storing(_items, serving, given) if any("queued" in one for one in given) else given
    found = await serving.answers(served, [one["item"] for one in items], AnswerOptions(top=1))
    events = await serving.storing(_checked, serving, served, items, found)
    numbers = await serving.storing(_committed, serving, events)
    await teach_if_due(serving)
    return numbers


def _items(serving: Serving, given: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events, with the items of the pool that they name."""
    found: list[Mapping[str, Any]] = []
    for one in given:
        if "queued" not in one:
            found.append(one)
            continue
        name = one["queued"]
        if serving.pool is None:
            raise RequestError(501, "There is no queue: start the server with --pool DATA.")
        try:
            found.append({**one, "item": serving.pool.item(name)})
        except (KeyError, TypeError):
            raise RequestError(422, f"There is no item {name!r:.60} in the pool; GET /queue names them.") from None
        except OSError as error:
            raise RequestError(422, f"The item {name!r:.60} of the pool cannot be read: {error.strerror}.") from None
    return found


def _checked(
    serving: Serving, served: ServedModel, given: Sequence[Mapping[str, Any]], found: Sequence[Answer]
) -> list[Feedback]:
    """The events as they are kept, each with what the model answered."""
    events = []
    for place, (one, answer) in enumerate(zip(given, found, strict=True)):
        label = _fitting(one["label"], served)
        reason = answer.get("error") or label_problem(label, served)
        if reason:
            raise RequestError(422, f"Nothing is kept; event {place}: {reason}")
        try:
            kind, raw = item_to_keep(one["item"], served, serving.options.limits)
            keys = {"key": one["key"]} if one.get("key") is not None else {}
            events.append(
                Feedback(kind, raw, label, who=one.get("who") or "", **_answered(one, answer, served), **keys)
            )
        except (ItemError, ParameterError) as error:
            raise RequestError(422, f"Nothing is kept; event {place}: {error}") from None
    return events


def _answered(one: Mapping[str, Any], answer: Answer, served: ServedModel) -> dict[str, Any]:
    """What the model had answered, as the client says; else what it answers now."""
    if any(one.get(name) is not None for name in ANSWER):
        sent = {name: one.get(name) for name in ANSWER} | {"model_version": one.get("model_version") or ""}
        return sent if sent["predicted"] is None else sent | {"predicted": _fitting(sent["predicted"], served)}
    said = answer.get("label", answer.get("labels", answer.get("value", answer.get("values"))))
    said = None if said is None else _fitting(said, served)
    return {"predicted": said, "probability": answer.get("probability"), "model_version": served.version}


def _fitting(label: Any, served: ServedModel) -> Any:
    """The label as the task has it: forms hold texts only, and JSON may hold the number of a class."""
    task = served.model.task
    if is_classification(task):
        return str(label) if isinstance(label, int) and not isinstance(label, bool) else label
    if isinstance(label, dict) and is_regression(task) and set(label) == set(task.labels):
        return [label[name] for name in task.labels]  # as answers give several values
    if not isinstance(label, str):
        return label
    try:
        value = json.loads(label)
    except (ValueError, RecursionError):
        value = label
    if isinstance(value, dict):
        return _fitting(value, served)
    return [label] if is_multilabel(task) and not isinstance(value, list) else value


def _committed(serving: Serving, events: Sequence[Feedback]) -> list[int]:
    try:
        return serving.store.append(events)
    except ConflictError as error:
        raise RequestError(409, str(error)) from None
    except SaveError as error:
        raise RequestError(503, str(error), {"Retry-After": "2"}) from None
    except HeadstartError as error:  # it cannot be opened
        raise RequestError(501, str(error)) from None
