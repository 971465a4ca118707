"""Tasks of Label Studio: the annotation of a task that counts, and labels joined with their regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.data.annotations.parsing.json_files import checked_list, checked_object

__all__ = ["ANSWERS", "StudioAnswer", "StudioRegion", "answer_of", "regions_of"]

ANSWERS = ("annotations", "completions", "predictions")
"""Where a task holds its annotations; the first that it has counts."""

OTHER_ANSWERS = frozenset((
    "choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea",
))  # fmt: skip
"""Types of results that mark no region; a region may have them beside its label."""


@dataclass(frozen=True)
class StudioAnswer:
    """The annotation of a task that counts.

    Attributes:
        results: of that annotation.
        further: how many others there are that were not cancelled.
        is_predicted: whether it is that of a model.
    """

    results: tuple[Mapping[str, Any], ...]
    further: int
    is_predicted: bool


def answer_of(task: Mapping[str, Any], where: str) -> StudioAnswer | None:
    """The first annotation with a result that was not cancelled, else the first empty one; None if there is none.

    Args:
        task: a task as Label Studio exports it.
        where: its file and place.

    Raises:
        DataError: if it is of another form.

    Examples:
        >>> marked = {"result": [{"type": "labels"}]}
        >>> found = answer_of({"annotations": [{"was_cancelled": True, **marked}, {"result": []}, marked]}, "")
        >>> found.results, found.further
        (({'type': 'labels'},), 1)
    """
    key = next((key for key in ANSWERS if key in task), ANSWERS[0])
    given = [
        checked_object(one, "The annotation", where) for one in checked_list(task.get(key) or [], f"'{key}'", where)
    ]
    kept = [checked_list(one.get("result") or [], "'result'", where) for one in given if not one.get("was_cancelled")]
    if not kept:
        return None
    chosen = next((results for results in kept if results), kept[0])
    checked = [checked_object(one, "The region", f"{where}, result[{place}]") for place, one in enumerate(chosen)]
    return StudioAnswer(tuple(checked), len(kept) - 1, key == "predictions")


@dataclass(frozen=True)
class StudioRegion:
    """A region of a picture with the labels that it has.

    Attributes:
        result: as read.
        shape: ``"rectangle"``, ``"polygon"``, ``"brush"``, ``"ellipse"``, or another type of region.
        value: its sizes and places.
        labels: its own, and those of results of the type ``labels`` with its id.
        where: its file and place.
    """

    result: Mapping[str, Any]
    shape: str
    value: Mapping[str, Any]
    labels: tuple[Any, ...]
    where: str


def regions_of(results: Sequence[Mapping[str, Any]], where: str) -> Iterator[StudioRegion]:
    """The regions among results; a label without a region is given as one of the shape ``labels``.

    Args:
        results: of one annotation.
        where: the file and place of the task.

    Raises:
        DataError: if a value or its labels are of another form.

    Examples:
        >>> drawn = {"id": "k", "type": "rectangle", "value": {"x": 1}}
        >>> region, = regions_of([drawn, {"id": "k", "type": "labels", "value": {"labels": ["cat"]}}], "")
        >>> region.shape, region.labels
        ('rectangle', ('cat',))
    """
    joined: dict[Any, list[Any]] = {}
    drawn = {_id(one) for one in results if one.get("type") not in ("labels", *OTHER_ANSWERS)} - {None}
    for place, one in enumerate(results):
        if one.get("type") == "labels" and _id(one) in drawn:
            joined.setdefault(_id(one), []).extend(_labels(one, "labels", f"{where}, result[{place}]"))
    for place, one in enumerate(results):
        kind, at = str(one.get("type")), f"{where}, result[{place}]"
        if kind in OTHER_ANSWERS or (kind == "labels" and _id(one) in drawn):
            continue
        own = (*_labels(one, kind, at), *joined.get(_id(one), ()))
        shape = kind if kind == "labels" else kind.removesuffix("labels")
        yield StudioRegion(one, shape, checked_object(one.get("value"), "The value", at), own, at)


def _id(result: Mapping[str, Any]) -> str | None:
    found = result.get("id")
    return found if isinstance(found, str) else None


def _labels(result: Mapping[str, Any], kind: str, where: str) -> list[Any]:
    value = checked_object(result.get("value"), "The value", where)
    return checked_list(value.get(kind) or value.get("labels") or [], f"The '{kind}'", where)
