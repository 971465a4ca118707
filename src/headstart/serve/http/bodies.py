"""Bodies of requests: JSON and forms with files, parsed within bounds."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from headstart.serve.http.errors import RequestError
from headstart.serve.options import RequestLimits

__all__ = ["LARGE", "Form", "is_form", "parse_json", "read_form", "read_json"]

LARGE = 64 * 1024
"""Bytes of a body from which it is parsed in a thread, not in the event loop."""
FORM = "multipart/form-data"
MOST_VALUES = 2_000_000  # in a JSON body: each takes up to 100 bytes of memory
MOST_FIELDS = 64
MOST_NAME = 200  # characters of a file name that an answer repeats


@dataclass
class Form:
    """A form with files.

    Attributes:
        files: content and name of each file, in their order.
        fields: the values of each other field.

    Examples:
        >>> Form([(b"abc", "a.png")]).files[0][1]
        'a.png'
    """

    files: list[tuple[bytes, str]]
    fields: dict[str, list[str]] = field(default_factory=dict)


def parse_json(raw: bytes) -> Any:
    """The value of a JSON body.

    Raises:
        RequestError: 400, if it is empty or not JSON; 413, if it holds too many values.

    Examples:
        >>> parse_json(b'{"items": ["a"]}')
        {'items': ['a']}
        >>> parse_json(b"[NaN]")
        Traceback (most recent call last):
        headstart.serve.http.errors.RequestError: The body is not JSON: NaN is not a number in JSON.
    """
    if not raw.strip():
        raise RequestError(400, 'The body is empty; send JSON such as {"items": [...]}.')
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise RequestError(413, f"The body may hold at most {MOST_VALUES} values; send fewer items at a time.")
    try:
        return json.loads(raw, parse_constant=_refuse)
    except RecursionError:
        raise RequestError(400, "The body is not read: its JSON is nested too deeply.") from None
    except ValueError as error:  # JSON that is not valid, text that is not UTF-8, numbers of too many digits
        raise RequestError(400, f"The body is not JSON: {error}.") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


async def read_json(request: Request) -> Any:
    """The value of a request's JSON body; large ones are parsed in a thread.

    Raises:
        RequestError: as `parse_json`; 415, if it says that it is something else.

    Examples:
        >>> async def receive():
        ...     return {"type": "http.request", "body": b"[1]", "more_body": False}
        >>> scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
        >>> asyncio.run(read_json(Request(scope, receive)))
        [1]
    """
    kind = media_type(request)
    if kind not in ("", "application/json") and not kind.endswith("+json"):
        raise RequestError(415, "Send JSON with the header 'Content-Type: application/json', or files as a form.")
    raw = await request.body()
    return parse_json(raw) if len(raw) < LARGE else await asyncio.to_thread(parse_json, raw)


def media_type(request: Request) -> str:
    """What the body is, by its header, without parameters.

    Examples:
        >>> media_type(Request({"type": "http", "headers": [(b"content-type", b"Text/HTML; charset=utf-8")]}))
        'text/html'
    """
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request) -> bool:
    """Whether the body is a form with files.

    Examples:
        >>> is_form(Request({"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}))
        True
    """
    return media_type(request) == FORM


async def read_form(request: Request, limits: RequestLimits) -> Form:
    r"""The files and fields of a multipart form.

    Args:
        request: whose body it is.
        limits: how many files it may hold.

    Raises:
        RequestError: 400, if it is damaged; 413, if it holds too much.

    Examples:
        >>> head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        >>> async def receive():
        ...     return {"type": "http.request", "body": head + b"abc\r\n--x--\r\n", "more_body": False}
        >>> headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        >>> request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        >>> asyncio.run(read_form(request, RequestLimits()))
        Form(files=[(b'abc', 'a')], fields={})
    """
    found = Form([])
    try:
        form = await request.form(
            max_files=limits.items, max_fields=limits.items + MOST_FIELDS, max_part_size=limits.body_bytes
        )
    except HTTPException as error:  # the parser's
        raise RequestError(400, f"The form cannot be read: {error.detail}") from None
    except (ValueError, KeyError, AssertionError, UnicodeError) as error:
        raise RequestError(400, f"The form cannot be read ({type(error).__name__}).") from None
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                found.files.append((await value.read(), (value.filename or "")[:MOST_NAME]))
            else:
                found.fields.setdefault(name, []).append(value)
    finally:
        await form.close()
    return found
