"""The Open Inference Protocol, version 2: what clients of KServe and Triton speak.

Texts, files and columns are BYTES; pictures may also be UINT8 of shape (n, height, width, 3), and rows of numbers FP32
or FP64 of shape (n, columns). Outputs are ``label`` and ``probabilities``, or ``value``; annotations of an item are the
JSON that ``POST /predict`` gives, as ``annotation``.

Reference: kserve/open-inference-protocol, "Open Inference Protocol (V2)".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.serve.batching.annotator import Served, ServedAnnotator
from headstart.serve.batching.calls import Answer
from headstart.serve.batching.served import AnswerOptions
from headstart.serve.http.bodies import LARGE
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.http.tensors import Tensor, parse_infer, write_tensors
from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import ERRORS, answer_schema, body_of, path_parameters, with_errors
from headstart.tasks import is_multilabel, is_regression

__all__ = ["add", "items_of", "outputs_of"]

HEADER = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data"]
PICTURE_TYPE, NUMBER_TYPES = "UINT8", ("FP32", "FP64", "FP16", "INT32", "INT64", "INT16", "INT8", "UINT8")
REQUEST = body_of(
    {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": {
            "type": "array", "minItems": 1,
            "items": {
                "type": "object", "required": ["name", "datatype", "shape", "data"],
                "properties": {
                    "name": {"type": "string"}, "datatype": {"type": "string"}, "parameters": {"type": "object"},
                    "shape": {"type": "array", "items": {"type": "integer"}}, "data": {"type": "array", "items": {}},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
    },
    required=["inputs"],
    files=False,
)  # fmt: skip
REQUEST["content"]["application/json"]["schema"]["additionalProperties"] = True
GUARDED = ("401", "403")
TOLD = answer_schema("200", "It is so.", {})
OUTPUTS = answer_schema(
    "200",
    "The outputs.",
    {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "outputs": {"type": "array"}},
)


class _Protocol:
    """The routes of one application."""

    def __init__(self, app: FastAPI, serving: Serving) -> None:
        self.app, self.serving = app, serving

    def _model(self, request: Request) -> Served:
        """The version that a path names."""
        served, asked = self.serving.slot.current, request.path_params
        if asked.get("name", self.serving.name) != self.serving.name:
            raise RequestError(404, f"There is no model of this name; the one that is served is '{self.serving.name}'.")
        if asked.get("version", served.version) != served.version:
            raise RequestError(404, f"This version is not in force; version {served.version} is.")
        return served

    async def server(self) -> Response:
        """Name, version and extensions of the server."""
        return JsonAnswer({"name": "headstart", "version": self.app.version, "extensions": EXTENSIONS})

    async def live(self) -> Response:
        """Whether the server lives."""
        return JsonAnswer({"live": True})

    async def ready(self, request: Request) -> Response:
        """Whether the model takes requests."""
        served, is_open = self._model(request), self.serving.batcher.is_open
        about = {"name": self.serving.name, "ready": is_open, "version": served.version}
        return JsonAnswer(about, 200 if is_open else 503)

    async def metadata(self, request: Request) -> Response:
        """Inputs and outputs of the model."""
        served = self._model(request)
        about = {"name": self.serving.name, "versions": [served.version], "platform": "headstart"}
        return JsonAnswer({**about, **_signature(served)})

    async def infer(self, request: Request) -> Response:
        """Answers as tensors."""
        with self.serving.batcher.arrival():
            served = self._model(request)
            raw, length = await request.body(), request.headers.get(HEADER)
            if len(raw) < LARGE:
                body, items = _read(raw, length, served)
            else:
                body, items = await asyncio.to_thread(_read, raw, length, served)
        names, binary = _wanted(body, served)
        found = await self.serving.answers(served, items, AnswerOptions())
        bad = next((place for place, answer in enumerate(found) if "error" in answer), None)
        if bad is not None:
            raise RequestError(400, f"Item {bad} cannot be read: {found[bad]['error']}")
        outputs = {tensor.name: tensor for tensor in outputs_of(found, served)}
        listed, rest = write_tensors([outputs[name] for name in names], binary)
        answer = {"model_name": self.serving.name, "model_version": served.version, "outputs": listed}
        if isinstance(body.get("id"), str):
            answer["id"] = body["id"]
        return _with_bytes(answer, rest) if any(binary) else JsonAnswer(answer)


def add(app: FastAPI, serving: Serving) -> None:
    """Add the routes below /v2.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> "/v2/models/{name}/infer" in [route.path for route in app.routes]
        True
    """
    own, kind = _Protocol(app, serving), "Open Inference Protocol"
    for suffix in ("", "/versions/{version}"):
        path = f"/v2/models/{{name}}{suffix}"
        for end, route in (("", own.metadata), ("/ready", own.ready)):
            described = {"parameters": path_parameters(path), "responses": with_errors(TOLD, (*GUARDED, "404", "503"))}
            app.add_api_route(f"{path}{end}", route, methods=["GET"], tags=[kind], openapi_extra=described)
        described = {"parameters": path_parameters(path), "requestBody": REQUEST}
        described["responses"] = with_errors(OUTPUTS, (*ERRORS, "404"))
        app.add_api_route(f"{path}/infer", own.infer, methods=["POST"], tags=[kind], openapi_extra=described)
    at_the_top: dict[str, Any] = {"/v2": own.server, "/v2/health/live": own.live, "/v2/health/ready": own.ready}
    for path, route in at_the_top.items():
        described = {"responses": with_errors(TOLD, (*GUARDED, "503"))}
        app.add_api_route(path, route, methods=["GET"], tags=[kind], openapi_extra=described)


def _read(raw: bytes, length: str | None, served: Served) -> tuple[dict[str, Any], list[Any]]:
    """The JSON of a request, and its items."""
    body, tensors = parse_infer(raw, length)
    return body, items_of(tensors, served)


def _with_bytes(answer: dict[str, Any], rest: bytes) -> Response:
    """JSON with the bytes of tensors behind it."""
    head = json.dumps(answer, separators=(",", ":")).encode()
    return Response(head + rest, media_type="application/octet-stream", headers={HEADER: str(len(head))})


def _wanted(body: dict[str, Any], served: Served) -> tuple[list[str], list[bool]]:
    """The names of the outputs that are asked for, and whether each is to be sent as bytes."""
    known = [output["name"] for output in _signature(served)["outputs"]]
    parameters = body.get("parameters")
    default = bool(parameters.get("binary_data_output")) if isinstance(parameters, dict) else False
    asked = body.get("outputs")
    if asked is None or asked == []:
        return known, [default] * len(known)
    if not isinstance(asked, list) or not all(isinstance(one, dict) and one.get("name") in known for one in asked):
        raise RequestError(400, f"The 'outputs' must be a list of objects whose 'name' is one of {', '.join(known)}.")
    found = [one.get("parameters") for one in asked]
    chosen = [bool(one.get("binary_data", default)) if isinstance(one, dict) else default for one in found]
    return [one["name"] for one in asked], chosen


def _signature(served: Served) -> dict[str, Any]:
    """Inputs and outputs, as the protocol describes them."""
    task, many = served.model.task, served.model.task.num_outputs
    if isinstance(served, ServedAnnotator):
        inputs = [{"name": str(served.modality), "datatype": "BYTES", "shape": [-1]}]
        outputs = [{"name": "annotation", "datatype": "BYTES", "shape": [-1]}]
        return {"inputs": inputs, "outputs": outputs, "parameters": {"labels": list(task.labels), "task": task.kind}}
    if served.modality == "vector":
        inputs = [{"name": "row", "datatype": "FP64", "shape": [-1, served.width]}]
    elif served.modality == "multimodal":
        names = [column.rpartition(":")[0] for column in served.model.columns]
        inputs = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in names]
    else:
        inputs = [{"name": str(served.modality), "datatype": "BYTES", "shape": [-1]}]
    if is_regression(task):
        outputs = [{"name": "value", "datatype": "FP64", "shape": [-1, many]}]
    elif is_multilabel(task):
        outputs = [
            {"name": "labels", "datatype": "BOOL", "shape": [-1, many]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, many]},
        ]
    else:
        outputs = [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, many]},
        ]
    return {"inputs": inputs, "outputs": outputs, "parameters": {"labels": list(task.labels), "task": task.kind}}


def items_of(tensors: Sequence[Tensor], served: Served) -> list[Any]:
    """The items that inputs hold, as a JSON body would.

    Args:
        tensors: one, or one for each column of an item.
        served: the model that reads them.

    Raises:
        RequestError: 400, for tensors of another type or shape.

    Examples:
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.served import ServedModel
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> items_of([Tensor("text", "BYTES", (2, 1), [b"a parcel", "a refund"])], served)
        ['a parcel', 'a refund']
    """
    if served.modality == "multimodal":
        return _records(tensors)
    if len(tensors) != 1:
        raise RequestError(400, f"The model reads one input. Got {len(tensors)}.")
    tensor = tensors[0]
    if tensor.datatype == "BYTES" and served.modality != "vector":
        return [_text_or_bytes(one, served.modality) for one in tensor.data]
    if served.modality == "vector" and tensor.datatype in NUMBER_TYPES:
        rows = tensor.data if len(tensor.shape) == 2 else tensor.data.reshape(1, -1)
        return [[float(number) for number in row] for row in rows.tolist()]
    if served.modality == "image" and tensor.datatype == PICTURE_TYPE and len(tensor.shape) in (3, 4):
        return list(tensor.data if len(tensor.shape) == 4 else tensor.data[None])
    wanted = _signature(served)["inputs"][0]
    raise RequestError(
        400,
        f"The model reads {wanted['datatype']} of shape {wanted['shape']}. Got {tensor.datatype} of shape "
        f"{list(tensor.shape)}.",
    )


def _text_or_bytes(one: bytes | str, modality: str) -> bytes | str:
    if modality == "text" and isinstance(one, bytes):
        return one.decode("utf-8", "replace")
    return one


def _records(tensors: Sequence[Tensor]) -> list[Any]:
    """Items of several columns: the values at each place of the inputs."""
    counts = {tensor.count for tensor in tensors}
    if len(counts) != 1:
        raise RequestError(400, "The inputs must have the same number of elements, one for each item.")
    columns = {tensor.name: _values(tensor) for tensor in tensors}
    return [{name: values[place] for name, values in columns.items()} for place in range(counts.pop())]


def _values(tensor: Tensor) -> list[Any]:
    return list(tensor.data) if tensor.datatype == "BYTES" else list(np.ravel(tensor.data).tolist())


def outputs_of(found: Sequence[Answer], served: Served) -> list[Tensor]:
    """The answers as tensors.

    Args:
        found: answers with all probabilities.
        served: the model that gave them.

    Examples:
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.served import ServedModel
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> outputs_of([{"label": "refund", "probabilities": {"parcel": 0.25, "refund": 0.75}}], served)[0].data
        [b'refund']
    """
    labels, count, many = served.model.task.labels, len(found), served.model.task.num_outputs
    if isinstance(served, ServedAnnotator):
        return [Tensor("annotation", "BYTES", (count,), [json.dumps(one).encode() for one in found])]
    if is_regression(served.model.task):
        values = [[one["value"]] if "value" in one else [one["values"][name] for name in labels] for one in found]
        return [Tensor("value", "FP64", (count, many), values)]
    shares = [[one["probabilities"][name] for name in labels] for one in found]
    probabilities = Tensor("probabilities", "FP32", (count, many), shares)
    if is_multilabel(served.model.task):
        chosen = [[name in one["labels"] for name in labels] for one in found]
        return [Tensor("labels", "BOOL", (count, many), chosen), probabilities]
    return [Tensor("label", "BYTES", (count,), [str(one["label"]).encode() for one in found]), probabilities]
