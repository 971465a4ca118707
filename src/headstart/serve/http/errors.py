"""Errors of a request: a status and one sentence, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headstart.reporting.text import one_line

__all__ = ["JsonAnswer", "RequestError", "refusal"]

MOST_CHARACTERS = 500  # of a message; what a client sent may be part of it


class JsonAnswer(Response):
    r"""A JSON body in UTF-8; text that UTF-8 cannot hold (lone surrogates) is escaped.

    Examples:
        >>> JsonAnswer({"label": "é"}).body.decode()
        '{"label":"é"}'
        >>> JsonAnswer({"label": chr(0xD800)}).body
        b'{"label":"\\ud800"}'
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of the body."""
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class RequestError(Exception):
    """A request that is not served.

    Args:
        status: of the answer, 400 or above.
        message: one sentence.
        headers: further headers of the answer, such as ``Retry-After``.
        more: further members of its body.

    Examples:
        >>> RequestError(400, "The body is empty.").answer().body
        b'{"error":"The body is empty."}'
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers, self.more = status, dict(headers or {}), dict(more or {})

    def answer(self) -> JsonAnswer:
        """The answer that says so."""
        message = one_line(str(self))
        if len(message) > MOST_CHARACTERS:
            message = message[: MOST_CHARACTERS - 3] + "..."
        return JsonAnswer({"error": message, **self.more}, status_code=self.status, headers=self.headers)


def refusal(request: Request, error: Exception) -> Response:
    """The answer to a request that a route, or the router, refuses.

    Examples:
        >>> request = Request({"type": "http", "method": "GET", "path": "/a", "headers": []})
        >>> refusal(request, HTTPException(404)).body
        b'{"error":"There is no route GET /a."}'
    """
    if isinstance(error, RequestError):
        return error.answer()
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    said = {
        404: f"There is no route {request.method} {request.url.path[:80]}.",
        405: f"The route {request.url.path[:80]} does not take {request.method}.",
    }
    return RequestError(status, said.get(status, "The request is not served."), headers).answer()
