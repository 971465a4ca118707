"""GET /versions, POST /rollback and POST /teach: the versions of the run folder, and how they change."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headstart.errors import HeadstartError
from headstart.model.versions import Version, current_version, rollback, versions_of
from headstart.serve.http.bodies import read_json
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.routes.asking import whole_number
from headstart.serve.routes.context import Serving
from headstart.serve.routes.learning import conflict, learnt, teach_now
from headstart.serve.routes.schemas import ERRORS, answer_schema, body_of, with_errors
from headstart.serve.teaching.from_feedback import Lesson

__all__ = ["add"]

SHOWN = ("base", "added", "removed", "relabelled", "new_labels", "metrics", "feedback")
LARGEST = 2**31
LIMIT, MOST = 20, 1_000  # versions in one answer
NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": LARGEST - 1}
QUERY = [
    {"name": "limit", "in": "query", "required": False,
     "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}},
    {"name": "before", "in": "query", "required": False, "description": "Only versions before this number.",
     "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST}},
]  # fmt: skip
VERSION = {"model_version": {"type": "string"}}


def add(app: FastAPI, serving: Serving) -> None:
    """Add the routes.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-3:]
        ['/versions', '/rollback', '/teach']
    """

    async def versions(request: Request) -> Response:
        """The newest versions, oldest of them first, and how much feedback waits."""
        asked = request.query_params
        limit = whole_number(asked.get("limit", LIMIT), "limit", MOST)
        before = whole_number(asked["before"], "before", LARGEST) if "before" in asked else None
        found = await serving.storing(_listed, serving, limit, before)
        return JsonAnswer({**found, "model_version": serving.slot.current.version})

    async def go_back(request: Request) -> Response:
        """Put an earlier version in force; it answers from the next request on."""
        wanted = _number(await _optional_body(request, ("version",)), "version")
        await serving.changing(_rolled_back, serving, wanted)
        return JsonAnswer({"model_version": serving.slot.current.version})

    async def learn(request: Request) -> Response:
        """Make a new version from feedback, and put it in force."""
        body = await _optional_body(request, ("after", "up_to"))
        after, up_to = _number(body, "after"), _number(body, "up_to")
        lesson = await serving.changing(teach_now, serving, after, up_to)
        return JsonAnswer({**_told(lesson), "model_version": serving.slot.current.version})

    codes = (*ERRORS, "404", "409")
    app.add_api_route(
        "/versions", versions, methods=["GET"], tags=["versions"],
        openapi_extra={"responses": with_errors(
            answer_schema("200", "The versions.", {"versions": {"type": "array"}, "total": NUMBER, **VERSION}),
            ("401", "403", "422", "503", "504"),
        ), "parameters": QUERY},
    )  # fmt: skip
    app.add_api_route(
        "/rollback", go_back, methods=["POST"], tags=["versions"],
        openapi_extra={
            "requestBody": {**body_of({"version": NUMBER}, required=[], files=False), "required": False},
            "responses": with_errors(answer_schema("200", "The version in force now.", VERSION), codes),
        },
    )  # fmt: skip
    app.add_api_route(
        "/teach", learn, methods=["POST"], tags=["versions"],
        openapi_extra={
            "requestBody": {**body_of({"after": NUMBER, "up_to": NUMBER}, required=[], files=False), "required": False},
            "responses": with_errors(answer_schema("200", "What was taught.", {**VERSION, "events": NUMBER}), codes),
        },
    )  # fmt: skip


async def _optional_body(request: Request, known: tuple[str, ...]) -> dict[str, Any]:
    """The members of a body that may be left out."""
    body = {} if not await request.body() else await read_json(request)
    if not isinstance(body, dict) or not set(body) <= set(known):
        raise RequestError(422, f"The body must be an object with no members but {', '.join(known)}.")
    return body


def _number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST):
        raise RequestError(422, f"The member '{name}' must be a whole number.")
    return value


def _listed(serving: Serving, limit: int, before: int | None) -> dict[str, Any]:
    every = versions_of(serving.run)
    found = [_described(one) for one in every if before is None or one.number < before][-limit:]
    facts = {"current": current_version(serving.run), "total": len(every), "feedback": learnt(serving)}
    return {"versions": found, **facts}


def _described(version: Version) -> dict[str, Any]:
    about = {name: version.about[name] for name in SHOWN if version.about.get(name) is not None}
    named = {"version": version.number, "what": version.what, "when": version.when, "digest": version.digest}
    wrong = {"problem": version.problem} if version.problem else {}
    return {**named, "in_force": version.in_force, **about, **wrong}


def _rolled_back(serving: Serving, wanted: int | None) -> None:
    try:
        rollback(serving.run, wanted)
        serving.follow()
    except HeadstartError as error:
        raise conflict(error) from None


def _told(lesson: Lesson) -> dict[str, Any]:
    kept = ("added", "removed", "relabelled", "new_labels", "duplicates", "contradictions", "notes")
    report = {name: lesson.report[name] for name in kept if name in lesson.report}
    left_out = [{"number": number, "reason": reason} for number, reason in lesson.failures.items()]
    return {
        "version": lesson.version, "items": lesson.report.get("added", 0), "seconds": round(lesson.seconds, 3),
        "left_out": left_out, "after": lesson.after, "up_to": lesson.up_to, "events": lesson.events, "report": report,
    }  # fmt: skip
