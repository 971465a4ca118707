"""Spans written as the annotation tools read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.annotations import Sentence, Span
from headstart.data.annotations.sentences.span_records import FORMS
from headstart.data.annotations.words import sentence_of_text
from headstart.errors import ItemError
from headstart.types import Dataset

__all__ = ["write_spans"]

LISTED = ("label_studio", "pairs")  # one JSON list; the others are JSON lines
NO_WORDS = ("doccano", "label_studio", "pairs")
NO_SCORES = ("doccano", "spacy", "pairs")


def write_spans(dataset: Dataset, folder: Path, form: str, *, predicted: bool = False) -> tuple[str, ...]:
    """Write ``train.jsonl`` and so on for each split, else ``data.jsonl``; ``.json`` for Label Studio and pairs.

    Args:
        dataset: of spans.
        folder: an empty folder.
        form: a key of `headstart.data.annotations.sentences.span_records.FORMS`.
        predicted: whether a model marked the spans; spans with scores always count as such. In Label Studio they are
            predictions, which it shows for correction.

    Returns:
        What the form cannot hold, one sentence each.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.types import Task
        >>> y = np.empty(1, object)
        >>> y[0] = (Span(0, 1, "PER", 0.9),)
        >>> data = Dataset([Sentence.of_words(["Ada", "ran"])], ("a",), "text", Task("token", ("PER",)), y)
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_spans(data, folder, "doccano"), (folder / "data.jsonl").read_text().strip()
        (('doccano holds no scores; Prodigy does.',), '{"id": "a", "text": "Ada ran", "label": [[0, 3, "PER"]]}')
    """
    _, y = dataset.labelled()
    is_scored = any(span.score != 1.0 for spans in y for span in spans)
    writer = WRITERS[form]
    files: dict[str, list[Any]] = {}
    for row, (sentence, spans) in enumerate(zip(dataset.items, y, strict=True)):
        split = "" if dataset.split is None else str(dataset.split[row])
        record = writer(_Marked(sentence, sorted(spans), dataset.ids[row], predicted or is_scored))
        files.setdefault({"val": "dev"}.get(split, split) or "data", []).append(record)
    for name, records in files.items():
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        text = "[\n" + ",\n".join(lines) + "\n]\n" if form in LISTED else "".join(f"{line}\n" for line in lines)
        suffix = "json" if form in LISTED else "jsonl"
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8", newline="\n")
    title, holds = ("Pairs", "hold") if form == "pairs" else (FORMS[form], "holds")
    notes = []
    if form in NO_WORDS and not all(_splits_alike(sentence) for sentence in dataset.items):
        notes.append(f"{title} {holds} texts without their words, which are split anew when they are read.")
    if form in NO_SCORES and is_scored:
        notes.append(f"{title} {holds} no scores; Prodigy does.")
    return tuple(notes)


def _splits_alike(sentence: Sentence) -> bool:
    """Whether the words of a text are those that it is split into when it is read."""
    try:
        return sentence_of_text(sentence.text).offsets == sentence.offsets
    except ItemError:
        return False


@dataclass(frozen=True)
class _Marked:
    """A text with its spans, its name, and whether a model marked them."""

    sentence: Sentence
    spans: Sequence[Span]
    key: str
    is_predicted: bool


def _prodigy(one: _Marked) -> dict[str, Any]:
    words = zip(one.sentence.words, _places(one.sentence), strict=True)
    return {
        "id": one.key,
        "text": one.sentence.text,
        "tokens": [{"text": word, **place} for word, place in words],
        "spans": [
            {**_characters(one.sentence, span), "token_start": span.start, "token_end": span.end - 1, **_score(span)}
            for span in one.spans
        ],
        "answer": "accept",
    }


def _doccano(one: _Marked) -> dict[str, Any]:
    return {"id": one.key, "text": one.sentence.text, "label": _triples(one)}


def _spacy(one: _Marked) -> dict[str, Any]:
    ents = [_characters(one.sentence, span) for span in one.spans]
    return {"id": one.key, "text": one.sentence.text, "ents": ents, "tokens": list(_places(one.sentence))}


def _pairs(one: _Marked) -> list[Any]:
    return [one.sentence.text, {"entities": _triples(one)}]


def _label_studio(one: _Marked) -> dict[str, Any]:
    result = []
    for place, span in enumerate(one.spans, start=1):
        own = _characters(one.sentence, span)
        labels = [own.pop("label")]
        value = {**own, "text": one.sentence.surface(span), "labels": labels}
        names = {"id": str(place), "from_name": "label", "to_name": "text", "type": "labels"}
        result.append({**names, "value": value, **_score(span)})
    answers = "predictions" if one.is_predicted else "annotations"
    return {"data": {"text": one.sentence.text, "item": one.key}, answers: [{"result": result}]}


WRITERS: Mapping[str, Callable[[_Marked], Any]] = {
    "prodigy": _prodigy, "doccano": _doccano, "spacy": _spacy, "pairs": _pairs, "label_studio": _label_studio,
}  # fmt: skip


def _characters(sentence: Sentence, span: Span) -> dict[str, Any]:
    start, end = sentence.characters(span)
    return {"start": start, "end": end, "label": span.label}


def _triples(one: _Marked) -> list[list[Any]]:
    return [[*one.sentence.characters(span), span.label] for span in one.spans]


def _places(sentence: Sentence) -> Iterable[dict[str, int]]:
    return ({"start": start, "end": end, "id": place} for place, (start, end) in enumerate(sentence.offsets))


def _score(span: Span) -> dict[str, float]:
    return {} if span.score == 1.0 else {"score": float(span.score)}
