"""The parts of the OpenAPI description that the routes share; bodies are checked by the routes themselves."""

from __future__ import annotations

import re
from typing import Any

from headstart.serve.routes.asking import OPTION_SCHEMAS

__all__ = ["ERRORS", "ITEM", "PREDICT", "answer_schema", "body_of", "path_parameters", "with_errors"]

ITEM: dict[str, Any] = {
    "description": "A text; a list of numbers; a picture or sound as base64 or a data URI; or an object with a value "
    "for each column.",
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "number"}},
        {"type": "object", "additionalProperties": True},
    ],
}
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "One sentence: what is wrong, and what to do."}},
    "required": ["error"],
}
MEANINGS = {
    "400": "The body cannot be read, or the model cannot do what is asked for.",
    "401": "A token is needed.",
    "403": "The host or origin is not served.",
    "404": "There is no such thing.",
    "408": "The body did not arrive in time.",
    "409": "It contradicts what was sent before.",
    "413": "The body, or the number of items, is too large.",
    "415": "The kind of body is not read.",
    "422": "A value is not allowed, or no item could be read.",
    "501": "This server was started without what it needs.",
    "503": "The server is busy or shutting down; Retry-After says when to try again.",
    "504": "The deadline passed.",
}
ERRORS = ("400", "401", "403", "408", "413", "415", "422", "503", "504")


def with_errors(success: dict[str, Any], codes: tuple[str, ...] = ERRORS) -> dict[str, Any]:
    """The responses of a route: that of success, and an error for each code.

    Examples:
        >>> sorted(with_errors({"200": {"description": "Done."}}, ("401",)))
        ['200', '401']
    """
    content = {"application/json": {"schema": ERROR}}
    return success | {code: {"description": MEANINGS[code], "content": content} for code in codes}


def answer_schema(name: str, description: str, members: dict[str, Any]) -> dict[str, Any]:
    """A response with JSON.

    Examples:
        >>> answer_schema("200", "Done.", {})["200"]["content"]["application/json"]["schema"]["type"]
        'object'
    """
    schema = {"type": "object", "properties": members, "required": list(members)}
    return {name: {"description": description, "content": {"application/json": {"schema": schema}}}}


def body_of(members: dict[str, Any], *, required: list[str], files: bool = True, example: Any = None) -> dict[str, Any]:
    """A request body: JSON with these members, and a form with files where that is read too.

    Examples:
        >>> sorted(body_of({}, required=[])["content"])
        ['application/json', 'multipart/form-data']
    """
    schema: dict[str, Any] = {"type": "object", "properties": members, "additionalProperties": False}
    if required:
        schema["required"] = required
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if example is not None:
        content["application/json"]["example"] = example
    if files:
        binary = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": {"files": binary}}}
    return {"required": True, "content": content}


def path_parameters(path: str) -> list[dict[str, Any]]:
    """What the placeholders of a path stand for.

    Examples:
        >>> [one["name"] for one in path_parameters("/models/{name}/versions/{version}")]
        ['name', 'version']
    """
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


QUERY = [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in OPTION_SCHEMAS.items()]
PREDICTION = {
    "type": "object",
    "description": "The answer for one item; 'error' in its place if the item cannot be read.",
    "properties": {
        "id": {"type": ["integer", "string"], "description": "Position or name of the item."},
        "label": {"type": ["string", "null"], "description": "The answer; null if it is withheld."},
        "labels": {"type": "array", "items": {"type": "string"}},
        "value": {"type": "number"},
        "probability": {"type": "number"},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "set": {"type": "array", "items": {"type": "string"}},
        "abstained": {"type": "boolean"},
        "novel": {"type": "boolean"},
        "text": {"type": "string", "description": "The text in which entities have their places."},
        "entities": {"type": "array", "description": "Marked spans: start and end in characters, label, text, score."},
        "size": {"type": "array", "description": "Width and height of the picture in pixels."},
        "boxes": {"type": "array", "description": "Boxes: label, left, top, right, bottom in pixels, score."},
        "classes": {"type": "object", "description": "Each class's share of the pixels, and COCO's run lengths."},
        "objects": {"type": "integer", "description": "How many objects are told apart."},
        "error": {"type": "string"},
    },
    "required": ["id"],
}
PREDICT: dict[str, Any] = {
    "parameters": QUERY,
    "requestBody": body_of(
        {
            "items": {"type": "array", "items": ITEM},
            "item": ITEM,
            "ids": {"type": "array", "items": {"type": ["string", "integer"]}},
            **OPTION_SCHEMAS,
        },
        required=[],
        example={"items": ["Where is my parcel?"]},
    ),
    "responses": with_errors(
        answer_schema(
            "200",
            "The answers, in the order of the items.",
            {"predictions": {"type": "array", "items": PREDICTION}, "model_version": {"type": "string"}},
        )
    ),
}
