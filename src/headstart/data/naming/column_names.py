"""Common column names, and how a column is looked up by them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ID_NAMES", "LABEL_NAMES", "MEDIA_NAMES", "SPLIT_NAMES", "TEXT_NAMES", "find_name", "plain_name"]

LABEL_NAMES = (
    "label", "labels", "class", "classes", "target", "targets", "y", "category", "categories", "intent", "sentiment",
    "topic", "genre", "species", "diagnosis", "emotion", "tag", "tags", "rating", "score", "stars", "outcome",
)  # fmt: skip
TEXT_NAMES = (
    "text", "sentence", "utterance", "question", "query", "message", "content", "review", "body", "comment", "tweet",
    "document", "headline", "title", "prompt", "input",
)  # fmt: skip
MEDIA_NAMES = ("path", "file", "filename", "file_name", "filepath", "image", "audio", "img", "picture", "sound", "clip")
SPLIT_NAMES = ("split", "subset", "partition")
ID_NAMES = ("id", "ids", "idx", "index", "row", "row_id", "uid", "uuid", "guid", "__index_level_0__")
# Not matched as the last part of a nested name: a feature may be called "gyro.y".
FULL_NAMES_ONLY = frozenset({"y", "score", "rating", "index", "idx", "row"})


def plain_name(name: str) -> str:
    """A column's name as it is looked up: in lower case, and only the last part of a nested name.

    Examples:
        >>> plain_name(" Label"), plain_name("data.text"), plain_name("gyro.y")
        ('label', 'text', 'gyro.y')
    """
    full = name.strip().lower()
    last = full.rpartition(".")[2].strip()
    return full if last in FULL_NAMES_ONLY else last


def find_name(names: Iterable[str], known: Iterable[str]) -> str | None:
    """The column of the first known name that occurs; full names come before last parts of nested names.

    Examples:
        >>> find_name(["data.text", "note", "Text"], ("sentence", "text"))
        'Text'
    """
    columns = list(names)
    found = {plain_name(name): name for name in reversed(columns)}
    found.update({name.strip().lower(): name for name in reversed(columns)})
    return next((found[name] for name in known if name in found), None)
