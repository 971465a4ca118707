"""Columns of words and tags, as datasets of Hugging Face hold them: Parquet, JSON, or objects in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from headstart.annotations import Sentence, Span
from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location, splits_of
from headstart.data.annotations.parsing.json_files import checked_list, checked_object, load_json, load_lines
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.tags import guess_scheme, is_tag, spans_of_tags, tags_of_spans
from headstart.data.text.encodings import decode_text
from headstart.data.text.unicode import HALF
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["TAGS", "TOKEN_COLUMNS", "WORDS", "TokenColumns", "annotated_columns", "names_in_features"]

WORDS = ("tokens", "words", "token", "sentence_tokens")
TAGS = ("ner_tags", "tags", "ner", "labels", "entities", "ner_labels")
LINES = (".jsonl", ".ndjson")
MOST_WORDS = 100_000
KEYS = re.compile(rb'"(tokens|words)"\s*:\s*\[')


class TokenColumns:
    """A column of lists of words, and one of lists of tags, or of their numbers.

    Names of the numbers come from the features of the dataset, which Parquet files of the hub hold, else from the
    setting ``names`` (``names=O B-PER I-PER``).

    Examples:
        >>> TOKEN_COLUMNS.kinds
        ('token',)
    """

    name = "tokens"
    title = "columns of words and tags (Hugging Face)"
    kinds = ("token",)
    writes = ("token",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {"names": ()}
    written: Mapping[str, tuple[str, ...]] = {}

    def recognise(self, location: Location) -> int:
        """Clear where the files have columns of these names, and of lists."""
        files = _files(location)
        return 2 if files and all(_columns_of(location, name) is not None for name in files) else 0

    def read(self, location: Location) -> Annotated:
        """Read one file, or the files of a folder."""
        files = [name for name in _files(location) if _columns_of(location, name) is not None]
        if not files:
            raise DataError(
                f"No file in '{location.shown}' has columns of words ({', '.join(WORDS)}) and of tags "
                f"({', '.join(TAGS)}), each of lists."
            )
        splits = splits_of(files) if location.is_folder else {}
        words, tags, places, ids, split = list[Any](), list[Any](), list[str](), list[str](), list[str]()
        names: Sequence[str] | None = location.settings.get("names", "").split() or None
        for name in files:
            own_words, own_tags, own_names, own_places = _load(location, name)
            names = names or own_names
            words += own_words
            tags += own_tags
            places += own_places
            ids += [f"{name}:{row}" if location.is_folder else str(row) for row in range(len(own_words))]
            split += [splits.get(name, "")] * len(own_words)
        return annotated_columns(words, tags, names, places.__getitem__, ids=ids, split=split)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG002
        """Write ``train.parquet`` and so on for each split, else ``data.parquet``, with the names of the tags."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        task, y = dataset.labelled()
        names = ["O", *(f"{prefix}-{label}" for label in task.labels for prefix in "BI")]
        number = {name: code for code, name in enumerate(names)}
        rows: dict[str, list[int]] = {}
        for row in range(len(dataset)):
            split = "" if dataset.split is None else str(dataset.split[row])
            rows.setdefault({"val": "validation"}.get(split, split) or "data", []).append(row)
        features = {
            "id": {"dtype": "string", "_type": "Value"},
            "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
            "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"},
        }
        about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        for name, own in rows.items():
            tags = [[number[tag] for tag in tags_of_spans(y[row], len(dataset.items[row]))] for row in own]
            columns = {
                "id": pa.array([dataset.ids[row] for row in own], pa.string()),
                "tokens": pa.array([list(dataset.items[row].words) for row in own], pa.list_(pa.string())),
                "ner_tags": pa.array(tags, pa.list_(pa.int64())),
            }
            pq.write_table(pa.table(columns).replace_schema_metadata(about), folder / f"{name}.parquet")
        texts = any(sentence.text != " ".join(sentence.words) for sentence in dataset.items)
        scored = any(span.score != 1.0 for spans in y for span in spans)
        return (
            *(["Columns of words hold no texts with their own spaces."] if texts else []),
            *(["Columns of tags hold no scores; '--format spans' writes them."] if scored else []),
        )


TOKEN_COLUMNS = TokenColumns()


def _files(location: Location) -> list[str]:
    if location.is_folder and location.pictures:
        return []
    found = location.with_suffix(".parquet", ".pq", ".json", *LINES)
    return [name for name in found if len(PurePosixPath(name).parts) <= 2][:1000]


def _chosen(keys: Sequence[str]) -> tuple[str, str] | None:
    words = next((key for key in WORDS if key in keys), None)
    tags = next((key for key in TAGS if key in keys), None)
    return None if words is None or tags is None else (words, tags)


def _columns_of(location: Location, name: str) -> tuple[str, str] | None:
    """The columns of words and of tags of a file; None if it has none."""
    if PurePosixPath(name).suffix.lower() in (".parquet", ".pq"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            schema = pq.read_schema(location.file(name))
        except (OSError, ValueError, pa.ArrowException):
            return None
        return _chosen([field.name for field in schema if pa.types.is_list(field.type)])
    head = location.head(name)
    if not KEYS.search(head):
        return None
    text, _ = decode_text(head, name)
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip("\ufeff[ \r\n\t"))
    except (ValueError, RecursionError):
        return None
    keys = [key for key, cell in value.items() if isinstance(cell, list)] if isinstance(value, dict) else []
    return _chosen(keys)


def _load(location: Location, name: str) -> tuple[list[Any], list[Any], Sequence[str] | None, list[str]]:
    """Words, tags, names of the tags' numbers, and places of the rows of a file."""
    title = location.title(name)
    found = _columns_of(location, name)
    if found is None:
        return [], [], None, []
    if PurePosixPath(name).suffix.lower() in (".parquet", ".pq"):
        from headstart.data.formats.loading import load_table

        frame, _ = load_table(location.file(name))
        places = [f"{title}, row {row}" for row in range(len(frame))]
        return list(frame[found[0]]), list(frame[found[1]]), _names_in_parquet(location.file(name), found[1]), places
    if PurePosixPath(name).suffix.lower() in LINES or not location.head(name).lstrip(b"\xef\xbb\xbf \n").startswith(
        b"["
    ):
        values = [(f"{title}, line {line}", value) for line, value in load_lines(location, name)]
    else:
        listed = checked_list(load_json(location, name), "The content", title)
        values = [(f"{title}, record {place}", value) for place, value in enumerate(listed, start=1)]
    records = [(where, checked_object(value, "The record", where)) for where, value in values]
    words, tags = ([record.get(key) for _, record in records] for key in found)
    return words, tags, None, [where for where, _ in records]


def _names_in_parquet(path: Path, column: str) -> Sequence[str] | None:
    import pyarrow.parquet as pq

    about = (pq.read_schema(path).metadata or {}).get(b"huggingface")
    try:
        return names_in_features(json.loads(about or b"{}")["info"]["features"], column)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def names_in_features(features: Any, column: str) -> Sequence[str] | None:
    """The names of a column of class labels, in the plain form of the features of a dataset; None if it has none.

    Args:
        features: by column, as ``datasets`` writes them.
        column: its name.

    Examples:
        >>> names_in_features({"tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}}}, "tags")
        ['O', 'B-PER']
    """
    inner = features[column]
    while isinstance(inner, Mapping) and "names" not in inner:
        inner = inner.get("feature", inner.get("sequence"))
    names = inner["names"] if isinstance(inner, Mapping) else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def annotated_columns(
    words: Sequence[Any],
    tags: Sequence[Any],
    names: Sequence[str] | None,
    place: Callable[[int], str],
    *,
    ids: Sequence[str] | None = None,
    split: Sequence[str] | None = None,
) -> Annotated:
    """The sentences of columns of words and tags.

    Args:
        words: n lists of words.
        tags: n lists of tags, or of numbers of ``names``.
        names: of the numbers, or None.
        place: where a row is, for messages.
        ids: n names; their numbers by default.
        split: n given splits, or None.

    Raises:
        DataError: if a row is not of that form, or numbers have no names.

    Examples:
        >>> found = annotated_columns([["Ada", "ran"]], [[1, 0]], ["O", "B-PER"], str)
        >>> found.y, found.labels
        ([(Span(start=0, end=1, label='PER', score=1.0),)], ('PER',))
    """
    remarks = Remarks()
    read = [_row(words[row], tags[row], names, place(row)) for row in range(len(words))]
    scheme = guess_scheme([own for _, own in read])
    remarks.say(f"Read lists of words and of their tags; the tags are {scheme}, guessed from their prefixes.")
    items, y, kept = list[Sentence](), list[tuple[Span, ...]](), list[int]()
    for row, (own_words, own_tags) in enumerate(read):
        held = [k for k, word in enumerate(own_words) if word.strip()]
        for _ in range(len(own_words) - len(held)):
            remarks.add("empty_word", place(row))
        if not held:
            remarks.add("empty_text", place(row))
            continue
        marks = [own_tags[k] for k in held]

        def repaired(at: int, where: str = place(row), marks: list[str] = marks) -> None:
            remarks.add("tag_repaired", f"{where}, word {at + 1} ({marks[at]})")

        items.append(Sentence.of_words([HALF.sub("\ufffd", own_words[k]) for k in held]))
        y.append(spans_of_tags(marks, scheme, repaired))
        kept.append(row)
    labels = tuple(sorted({span.label for spans in y for span in spans}))
    if not labels:
        raise DataError(f"No word in {place(0) if len(words) else 'the data'} and after it has a tag other than O.")
    known = list(map(str, range(len(words)))) if ids is None else ids
    own_split = None if split is None else [split[row] for row in kept]
    return Annotated("token", items, tuple(known[row] for row in kept), y, labels, own_split, None, remarks.sentences())


def _row(words: Any, tags: Any, names: Sequence[str] | None, where: str) -> tuple[list[str], list[str]]:
    if words is None or tags is None or isinstance(words, str) or isinstance(tags, str):
        raise DataError(f"{where} must hold a list of words and a list of tags. Got {words!r:.40} and {tags!r:.40}.")
    own, marks = list(words), list(tags)
    if len(own) != len(marks) or len(own) > MOST_WORDS:
        raise DataError(
            f"{where} must hold a tag for each word, and {MOST_WORDS} at most. Got {len(own)} words and "
            f"{len(marks)} tags."
        )
    odd = next((word for word in own if not isinstance(word, str)), None)
    if odd is not None:
        raise DataError(f"The words in {where} must be texts. Got {odd!r:.40}; correct it.")
    return own, [_tag(mark, names, where) for mark in marks]


def _tag(mark: Any, names: Sequence[str] | None, where: str) -> str:
    if isinstance(mark, str):
        if names is None and not is_tag(mark) and not mark.strip():
            raise DataError(f"A tag in {where} is empty; give O or a tag such as B-PER.")
        return mark
    if names is None:
        raise DataError(
            f"The tags in {where} are numbers without names. Got {mark!r:.40}; name them in order with "
            "--annotations 'tokens,names=O B-PER I-PER'."
        )
    try:
        code = int(mark)
    except (TypeError, ValueError):
        code = -1
    if not 0 <= code < len(names):
        raise DataError(f"A tag in {where} must be a number from 0 to {len(names) - 1}. Got {mark!r:.40}; correct it.")
    return names[code]
