"""The routes of prediction containers in clouds: {"instances": [...]} in, {"predictions": [...]} out."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.serve.http.bodies import read_json
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.routes.asking import answer_options
from headstart.serve.routes.context import Serving
from headstart.serve.routes.schemas import ERRORS, ITEM, answer_schema, body_of, path_parameters, with_errors

__all__ = ["add"]

PATHS = ("/invocations", "/v1/models/{name}:predict")


def add(app: FastAPI, serving: Serving) -> None:
    """Add /invocations, /v1/models/NAME:predict and /ping.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-3:]
        ['/invocations', '/v1/models/{name}:predict', '/ping']
    """

    async def predict(request: Request) -> Response:
        """The answer for each instance; ``parameters`` holds the options."""
        if request.path_params.get("name", serving.name) != serving.name:
            raise RequestError(404, f"There is no model of this name; the one that is served is '{serving.name}'.")
        with serving.batcher.arrival():
            body: Any = await read_json(request)
        if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
            raise RequestError(422, "The body must be an object with 'instances', a list of items.")
        parameters = body.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise RequestError(422, "The member 'parameters' must be an object.")
        served = serving.slot.current
        found = await serving.answers(served, body["instances"], answer_options(parameters))
        return JsonAnswer({"predictions": found, "model_version": served.version})

    async def ping() -> Response:
        """Whether the server takes requests."""
        return JsonAnswer({"ready": serving.batcher.is_open}, status_code=200 if serving.batcher.is_open else 503)

    answers = {"predictions": {"type": "array", "items": {"type": "object"}}, "model_version": {"type": "string"}}
    body = body_of(
        {"instances": {"type": "array", "items": ITEM}, "parameters": {"type": "object"}},
        required=["instances"],
        files=False,
    )
    body["content"]["application/json"]["schema"]["additionalProperties"] = True
    for path in PATHS:
        described = {
            "parameters": path_parameters(path),
            "requestBody": body,
            "responses": with_errors(answer_schema("200", "The answers.", answers), (*ERRORS, "404")),
        }
        app.add_api_route(path, predict, methods=["POST"], tags=["answers"], openapi_extra=described)
    described = {"responses": with_errors(answer_schema("200", "It does.", {"ready": {"type": "boolean"}}), ("503",))}
    app.add_api_route("/ping", ping, methods=["GET"], tags=["operation"], openapi_extra=described)
