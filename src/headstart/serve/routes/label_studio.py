"""The routes of a machine-learning backend of Label Studio: /health, /setup, /predict and /webhook.

Label Studio sends tasks with their data and its labelling configuration; answers are annotations in its format. Files
are not fetched: a picture or sound must be in the task as a data URI.

Reference: label_studio_ml/api.py of github.com/HumanSignal/label-studio-ml-backend (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.serve.batching.annotator import Served, ServedAnnotator
from headstart.serve.batching.calls import Answer
from headstart.serve.batching.served import AnswerOptions
from headstart.serve.http.bodies import read_json
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.routes.context import Serving
from headstart.serve.routes.feedback import keep
from headstart.serve.routes.schemas import answer_schema, body_of, with_errors

__all__ = ["Control", "add", "control_of", "events_of", "predict", "result_of"]

LONGEST_CONFIG = 200_000  # characters
TAG = re.compile(r"<(Choices|Number|Labels|RectangleLabels|Text|Image|Audio|HyperText|Paragraphs)\b([^<>]*)>")
ATTRIBUTE = re.compile(r"""([A-Za-z]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
KINDS = {"Choices": "choices", "Number": "number"}
ANNOTATED = {"token": {"Labels": "labels"}, "box": {"RectangleLabels": "rectanglelabels"}}
"""The tag that the model of a task fills in, and what Label Studio calls its results."""
KEPT = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")


@dataclass(frozen=True)
class Control:
    """The tag of a labelling configuration that the model fills in.

    Attributes:
        name: of the tag.
        to_name: of the object that it labels.
        kind: ``"choices"``, ``"number"``, ``"labels"`` (of spans) or ``"rectanglelabels"``.
        key: the member of a task's data that holds the object; empty if the configuration does not say.

    Examples:
        >>> Control("sentiment", "text", "choices", "text").key
        'text'
    """

    name: str = "label"
    to_name: str = "item"
    kind: str = "choices"
    key: str = ""


def control_of(config: str, kinds: Mapping[str, str] = KINDS) -> Control:
    """The first tag of a labelling configuration that the model can fill in; read by pattern, not as XML.

    Args:
        config: the XML.
        kinds: the names of tags, and what their results are called; default: choices and numbers.

    Examples:
        >>> control_of('<View><Text name="t" value="$body"/><Choices name="mood" toName="t"></Choices></View>')
        Control(name='mood', to_name='t', kind='choices', key='body')
    """
    tags = []
    for tag, text in TAG.findall(config[:LONGEST_CONFIG]):
        tags.append((tag, {name.lower(): a or b for name, a, b in ATTRIBUTE.findall(text)}))
    keys = {found.get("name", ""): found.get("value", "").removeprefix("$") for _, found in tags}
    for tag, found in tags:
        if tag in kinds:
            to_name = found.get("toname", "item")
            return Control(found.get("name", "label"), to_name, kinds[tag], keys.get(to_name, ""))
    return Control(kind=next(iter(kinds.values())))


def result_of(answer: Answer, control: Control) -> dict[str, Any]:
    """An answer as a prediction of Label Studio.

    Examples:
        >>> result_of({"label": "up", "probability": 0.75}, Control("mood", "t"))["result"][0]["value"]
        {'choices': ['up']}
    """
    named = {"from_name": control.name, "to_name": control.to_name}
    if "entities" in answer or "boxes" in answer:
        marked = answer["entities"] if "entities" in answer else answer["boxes"]
        found = [_marked(one, answer, named) for one in marked]
        return {"result": found, "score": min((one["score"] for one in found), default=0.0)}
    if "value" in answer:
        return {"result": [{**named, "type": "number", "value": {"number": answer["value"]}}], "score": 0.0}
    labels = answer.get("labels", [answer["label"]] if answer.get("label") is not None else [])
    if not labels:
        return {"result": [], "score": 0.0}
    score = answer.get("probability", min(answer.get("probabilities", {}).get(label, 0.0) for label in labels))
    return {"result": [{**named, "type": "choices", "value": {"choices": labels}, "score": score}], "score": score}


def _marked(one: Mapping[str, Any], answer: Answer, named: Mapping[str, str]) -> dict[str, Any]:
    """A span by its characters, or a box in percent of the picture."""
    if "entities" in answer:
        value = {"start": one["start"], "end": one["end"], "text": one["text"], "labels": [one["label"]]}
        return {**named, "type": "labels", "value": value, "score": one["score"]}
    width, height = (max(side, 1) for side in answer["size"])
    value = {
        "x": 100 * one["left"] / width, "y": 100 * one["top"] / height, "rotation": 0,
        "width": 100 * (one["right"] - one["left"]) / width, "height": 100 * (one["bottom"] - one["top"]) / height,
        "rectanglelabels": [one["label"]],
    }  # fmt: skip
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    return {**named, **size, "type": "rectanglelabels", "value": value, "score": one["score"]}


def _kinds_of(served: Served) -> Mapping[str, str]:
    """The tags that a model fills in; 422 for masks."""
    kind = served.model.task.kind
    if not isinstance(served, ServedAnnotator):
        return KINDS
    if kind not in ANNOTATED:
        raise RequestError(422, "Masks are not sent to Label Studio; ask for them with 'items' in place of 'tasks'.")
    return ANNOTATED[kind]


async def predict(serving: Serving, body: Mapping[str, Any]) -> Response:
    """Answer tasks; one whose item cannot be read has an empty result.

    Args:
        serving: the application.
        body: ``tasks``, with ``label_config`` and further members of Label Studio.

    Raises:
        RequestError: 422, if the tasks are not those of Label Studio, or the model draws masks.

    Examples:
        >>> import asyncio
        >>> asyncio.run(predict(None, {"tasks": "all"}))
        Traceback (most recent call last):
        headstart.serve.http.errors.RequestError: The member 'tasks' must be a list of objects with 'data'.
    """
    tasks = body.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise RequestError(422, "The member 'tasks' must be a list of objects with 'data'.")
    config = body.get("label_config")
    served = serving.slot.current
    control = control_of(config if isinstance(config, str) else "", _kinds_of(served))
    found = await serving.answers(served, [_item(task, control) for task in tasks], AnswerOptions())
    results = [{**result_of(answer, control), "model_version": served.version} for answer in found]
    return JsonAnswer({"results": results, "model_version": served.version})


def _item(task: Mapping[str, Any], control: Control) -> Any:
    """The item of a task: the value that the configuration names, else the only one."""
    data = task.get("data")
    if not isinstance(data, dict):
        return None
    if control.key in data:
        return data[control.key]
    return next(iter(data.values())) if len(data) == 1 else data


def events_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The feedback in a webhook about an annotation; none if it holds no choice or number.

    Args:
        body: ``action``, ``task`` and ``annotation``, and perhaps ``project`` with ``label_config``.

    Examples:
        >>> chosen = {"type": "choices", "value": {"choices": ["up"]}, "from_name": "mood", "to_name": "t"}
        >>> body = {"task": {"data": {"t": "fine"}}, "annotation": {"id": 3, "result": [chosen]}}
        >>> events_of(body)
        [{'item': 'fine', 'label': 'up', 'who': 'Label Studio', 'key': 'label-studio-3-'}]
    """
    task, annotation = body.get("task"), body.get("annotation")
    if not isinstance(task, dict) or not isinstance(annotation, dict):
        return []
    results = annotation.get("result")
    project = body.get("project")
    config = project.get("label_config") if isinstance(project, dict) else None
    label = _label(results if isinstance(results, list) else [])
    if label is None:
        return []
    item = _item(task, control_of(config if isinstance(config, str) else ""))
    event = {"item": item, "label": label, "who": "Label Studio"}
    if annotation.get("id") is None:
        return [event]
    return [{**event, "key": f"label-studio-{annotation['id']}-{annotation.get('updated_at') or ''}"[:200]}]


def _label(results: list[Any]) -> Any:
    """The first choice, choices or number of an annotation."""
    for one in results:
        value = one.get("value") if isinstance(one, dict) else None
        if isinstance(value, dict) and isinstance(value.get("choices"), list) and value["choices"]:
            choices = value["choices"]
            return choices[0] if len(choices) == 1 else choices
        if isinstance(value, dict) and isinstance(value.get("number"), int | float):
            return value["number"]
    return None


def add(app: FastAPI, serving: Serving) -> None:
    """Add /setup and /webhook; /predict and /health answer Label Studio as well.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-2:]
        ['/setup', '/webhook']
    """

    async def setup(request: Request) -> Response:
        """Label Studio connects a project."""
        body = await read_json(request)
        if not isinstance(body, dict):
            raise RequestError(422, "The body must be an object with 'project' and 'schema'.")
        return JsonAnswer({"model_version": serving.slot.current.version})

    async def webhook(request: Request) -> Response:
        """Label Studio reports an annotation."""
        body = await read_json(request)
        if not isinstance(body, dict) or not isinstance(body.get("action"), str):
            raise RequestError(422, "The body must be an object with 'action'.")
        numbers = await keep(serving, events_of(body)) if body["action"] in KEPT else []
        version = serving.slot.current.version
        return JsonAnswer({"status": "ok", "numbers": numbers, "model_version": version}, status_code=201)

    done = {"model_version": {"type": "string"}}
    setup_body = body_of({"project": {}, "schema": {}, "extra_params": {}}, required=[], files=False)
    setup_body["content"]["application/json"]["schema"]["additionalProperties"] = True
    hook_body = body_of({"action": {"type": "string"}}, required=["action"], files=False)
    hook_body["content"]["application/json"]["schema"]["additionalProperties"] = True
    app.add_api_route(
        "/setup", setup, methods=["POST"], tags=["Label Studio"],
        openapi_extra={"requestBody": setup_body, "responses": with_errors(answer_schema("200", "Connected.", done))},
    )  # fmt: skip
    app.add_api_route(
        "/webhook", webhook, methods=["POST"], tags=["Label Studio"], status_code=201,
        openapi_extra={"requestBody": hook_body, "responses": with_errors(answer_schema("201", "Taken.", done))},
    )  # fmt: skip
