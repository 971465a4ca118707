"""GET /, the page of the model, its files, and GET /about, the facts that it shows."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from headstart.data.table.several_columns import parse_column
from headstart.serve.batching.annotator import ServedAnnotator
from headstart.serve.batching.served import AnswerOptions, ServedModel
from headstart.serve.http.errors import JsonAnswer, RequestError
from headstart.serve.routes.context import Serving
from headstart.serve.routes.learning import learnt
from headstart.serve.routes.schemas import answer_schema, with_errors
from headstart.tasks import is_multilabel, is_regression

__all__ = ["about_served", "add", "page_file"]

COVERAGE = 0.9  # of the sets that the page shows

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# Scripts come from the server alone; the pages of explanations hold their own styles and pictures.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
ABOUT = {
    "name": {"type": "string"},
    "version": {"type": "string"},
    "task": {"type": "string"},
    "modality": {"type": "string"},
    "labels": {"type": "array", "items": {"type": "string"}},
    "columns": {"type": "array", "items": {"type": "object"}},
    "answers": {"enum": ["label", "labels", "values", "entities", "boxes", "classes"]},
}


ANNOTATIONS = {"token": "entities", "box": "boxes", "mask": "classes"}
"""The member of an answer that holds its annotations, by the kind of task."""
_ANNOTATES = {
    "width": None, "conformal": False, "selective": False, "detects_novel": False, "teachable": False, "queued": False,
}  # fmt: skip


@cache
def page_file(name: str) -> tuple[bytes, str] | None:
    """The content and media type of a file of the page; None if there is no such file.

    Examples:
        >>> page_file("page.js")[1], page_file("../options.py")
        ('text/javascript; charset=utf-8', None)
    """
    known = {one.name: one for one in (files("headstart.serve.page") / "files").iterdir()}
    if name not in known:
        return None
    return known[name].read_bytes(), f"{TYPES[name[name.rindex('.') :]]}; charset=utf-8"


def add(app: FastAPI, serving: Serving) -> None:
    """Add the routes.

    Examples:
        >>> app = FastAPI()
        >>> add(app, None)
        >>> [route.path for route in app.routes][-3:]
        ['/', '/page/{name}', '/about']
    """

    async def index() -> Response:
        """The page."""
        return _file("index.html")

    async def part(name: str) -> Response:
        """A file of the page."""
        return _file(name)

    async def about() -> Response:
        """What the model answers, and what this server can do with it."""
        return JsonAnswer(await serving.checking(about_served, serving))

    app.add_api_route("/", index, methods=["GET"], include_in_schema=False)
    app.add_api_route("/page/{name}", part, methods=["GET"], include_in_schema=False)
    app.add_api_route(
        "/about", about, methods=["GET"], tags=["operation"],
        openapi_extra={"responses": with_errors(answer_schema("200", "The facts.", ABOUT), ("401", "403"))},
    )  # fmt: skip


def about_served(serving: Serving) -> dict[str, Any]:
    """The facts of the version that answers, and what can be asked of it.

    Examples:
        >>> from pathlib import Path
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.batcher import Batcher
        >>> from headstart.serve.batching.served import ServedModel
        >>> from headstart.serve.batching.slot import Slot
        >>> from headstart.serve.http.meters import Meters
        >>> from headstart.serve.options import ServeOptions
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> batcher = Batcher(most_items=8, wait=0.0, queue=1000)
        >>> serving = Serving(Path("run"), ServeOptions(), Slot(served), batcher, Meters())
        >>> about_served(serving)["labels"], about_served(serving)["conformal"]
        (['parcel', 'refund'], False)
        >>> batcher.close()
    """
    served = serving.slot.current
    if isinstance(served, ServedAnnotator):
        return served.facts | _ANNOTATES | {
            "name": serving.name, "answers": ANNOTATIONS[served.model.task.kind],
            "explains": served.model.task.kind != "mask", **learnt(serving),
        }  # fmt: skip
    return served.facts | {
        "name": serving.name,
        "columns": _columns(served),
        "width": served.width if served.modality == "vector" else None,
        "conformal": served.allows(AnswerOptions(coverage=COVERAGE)),
        "selective": not (is_multilabel(served.model.task) or is_regression(served.model.task))
        and served.model.certainty is not None,
        "detects_novel": served.allows(AnswerOptions(novel=True)),
        "explains": True,
        "teachable": served.teachable,
        "queued": serving.pool is not None,
        "answers": _answers(served),
        **learnt(serving),
    }


def _answers(served: ServedModel) -> str:
    """What an item has: a label, labels, or values; kinds of tasks of other packages answer like one of these."""
    task = served.model.task
    return "values" if is_regression(task) else "labels" if is_multilabel(task) else "label"


def _columns(served: ServedModel) -> list[dict[str, str]]:
    if served.modality == "vector":
        return [{"name": name, "kind": "number"} for name in served.model.columns]
    several = served.model.item_column
    named = map(parse_column, several) if isinstance(several, tuple) else ()
    return [{"name": one.name, "kind": one.kind} for one in named]


def _file(name: str) -> Response:
    found = page_file(name)
    if found is None:
        raise RequestError(404, "There is no such file.")
    content, media_type = found
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return Response(content, media_type=media_type, headers=headers)
