"""The records of spans that annotation tools write, each tool's form as text and spans of characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.data.annotations.drawn_boxes import number
from headstart.data.annotations.parsing.json_files import checked_list, checked_object
from headstart.data.annotations.parsing.studio import ANSWERS, answer_of, regions_of
from headstart.data.annotations.sentences.aligning import CharacterSpan
from headstart.errors import DataError

__all__ = ["FORMS", "SpanRecord", "form_of", "records_of"]

FORMS = {
    "doccano": "doccano", "prodigy": "Prodigy", "label_studio": "Label Studio", "spacy": "spaCy",
    "pairs": "pairs of a text and its entities",
}  # fmt: skip
MOST_WORDS = 1_000_000
DOCCANO = ("label", "labels", "entities")


@dataclass(frozen=True)
class SpanRecord:
    """A text with its spans.

    Attributes:
        text: the text.
        spans: of characters.
        where: its file and line.
        words: places of its words, where the tool states them; None to split it.
        key: its name, or empty.
        split: that the record states, or empty.
        is_left_out: whether it was rejected or skipped by its annotator.
        is_predicted: whether its spans are those of a model.
        remarks: what of it was not read: a key of `headstart.data.annotations.remarks.REMARKS`, and its place.
        lost: how many spans it holds that could not be read.
    """

    text: str
    spans: tuple[CharacterSpan, ...]
    where: str
    words: tuple[tuple[int, int], ...] | None = None
    key: str = ""
    split: str = ""
    is_left_out: bool = False
    is_predicted: bool = False
    remarks: tuple[tuple[str, str], ...] = ()
    lost: int = 0


def form_of(value: Any) -> str | None:
    """The form of one record, a key of `FORMS`; None if it is of none.

    Args:
        value: as read from JSON.

    Examples:
        >>> form_of({"text": "Ada ran", "label": [[0, 3, "PER"]]}), form_of({"text": "good", "label": "positive"})
        ('doccano', None)
    """
    if not isinstance(value, dict):
        is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
        return "pairs" if is_pair and isinstance(value[1], dict) and "entities" in value[1] else None
    if "paragraphs" in value or (isinstance(value.get("text"), str) and isinstance(value.get("ents"), list)):
        return "spacy"
    answers = next((key for key in ANSWERS if key in value), None)
    if isinstance(value.get("data"), dict) and answers is not None:
        return "label_studio" if _has_labels(value[answers]) else None
    if not isinstance(value.get("text"), str):
        return None
    if isinstance(value.get("spans"), list) and all(isinstance(one, dict) for one in value["spans"]):
        return "prodigy"
    return _form_of_lists(value)


def _has_labels(annotations: Any) -> bool:
    """Whether annotations of Label Studio mark spans, or nothing; those of other templates are choices or numbers.

    Spans may have relations, choices or notes beside them.
    """
    results = [
        result
        for one in (annotations if isinstance(annotations, list) else [])
        for result in (one.get("result") or [] if isinstance(one, dict) else [])
    ]
    marks = [isinstance(one, dict) and one.get("type", "labels") == "labels" for one in results]
    return all(marks) or any(is_mark and _is_of_text(one) for is_mark, one in zip(marks, results, strict=True))


def _is_of_text(result: Mapping[str, Any]) -> bool:
    value = result.get("value")
    return isinstance(value, dict) and isinstance(value.get("start"), int)


def _form_of_lists(value: Mapping[str, Any]) -> str | None:
    for key in DOCCANO:
        found = value.get(key)
        if isinstance(found, list) and all(_is_triple(one) for one in found):
            return "doccano"
        if isinstance(found, list) and found and all(isinstance(one, dict) and "labels" in one for one in found):
            return "label_studio"  # its short form
        if isinstance(found, list) and found and all(isinstance(one, dict) and "start_offset" in one for one in found):
            return "doccano"
    return None


def _is_triple(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], int) and isinstance(value[2], str)


def records_of(value: Any, form: str, where: str) -> Iterator[SpanRecord]:
    """The texts of one record; a record of spaCy may hold several.

    Args:
        value: as read from JSON.
        form: a key of `FORMS`.
        where: its file and line.

    Raises:
        DataError: if it is not of that form.

    Examples:
        >>> record, = records_of({"text": "Ada ran", "spans": [{"start": 0, "end": 3, "label": "PER"}]}, "prodigy", "")
        >>> record.spans
        (CharacterSpan(start=0, end=3, label='PER', score=1.0, text=''),)
    """
    if form == "pairs":
        pair = checked_list(value, "The record", where)
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise DataError(f"The record in {where} must be a text and an object with 'entities'.")
        inner = checked_object(pair[1], "The entities", where)
        yield SpanRecord(pair[0], _triples(inner.get("entities", []), pair[0], where), where)
        return
    record = checked_object(value, "The record", where)
    readers = {"doccano": _doccano, "prodigy": _prodigy, "label_studio": _label_studio, "spacy": _spacy}
    yield from readers[form](record, where)


def _text(record: Mapping[str, Any], where: str, key: str = "text") -> str:
    text = record.get(key)
    if not isinstance(text, str):
        raise DataError(f"The '{key}' in {where} must be a text. Got {text!r:.60} instead; correct it.")
    return text


def _label(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"The label of a span in {where} must be a text. Got {value!r:.60} instead; correct it.")
    return value.strip()


def _span(
    places: tuple[Any, Any], label: Any, text: str, where: str, *, score: float = 1.0, stated: str = ""
) -> CharacterSpan:
    start, end = places
    if type(start) is not int or type(end) is not int or not 0 <= start <= end <= 2 * len(text):
        raise DataError(
            f"A span in {where} must begin and end at whole numbers from 0 to {len(text)}, the length of its text. Got "
            f"{start!r:.40} to {end!r:.40}; correct it."
        )
    return CharacterSpan(start, end, _label(label, where), score, stated)


def _triples(value: Any, text: str, where: str) -> tuple[CharacterSpan, ...]:
    spans = []
    for one in checked_list(value, "The spans", where):
        if not isinstance(one, list) or len(one) != 3:
            raise DataError(f"A span in {where} must be [start, end, label]. Got {one!r:.60} instead; correct it.")
        spans.append(_span((one[0], one[1]), one[2], text, where))
    return tuple(spans)


def _key(record: Mapping[str, Any]) -> str:
    found = record.get("id")
    return str(found) if isinstance(found, (int, str)) else ""


def _doccano(record: Mapping[str, Any], where: str) -> Iterator[SpanRecord]:
    text = _text(record, where)
    name = next((key for key in ("entities", "label", "labels") if key in record), "label")
    values = checked_list(record.get(name) or [], f"'{name}'", where)
    if any(isinstance(one, dict) for one in values):
        found = [checked_object(one, "The span", where) for one in values]
        spans = tuple(
            _span((one.get("start_offset"), one.get("end_offset")), one.get("label"), text, where) for one in found
        )
    else:
        spans = _triples(values, text, where)
    yield SpanRecord(text, spans, where, None, _key(record))


def _prodigy(record: Mapping[str, Any], where: str) -> Iterator[SpanRecord]:
    text = _text(record, where)
    spans = []
    for one in checked_list(record.get("spans") or [], "'spans'", where):
        span = checked_object(one, "The span", where)
        score = span.get("score")
        own = 1.0 if score is None else number(score, "score", where, least=0, most=1)
        spans.append(_span((span.get("start"), span.get("end")), span.get("label"), text, where, score=own))
    meta = record.get("meta")
    split = meta.get("split", "") if isinstance(meta, dict) else ""
    left_out = record.get("answer", "accept") != "accept"
    words = _places(record.get("tokens"), text, where)
    yield SpanRecord(text, tuple(spans), where, words, _key(record), split if isinstance(split, str) else "", left_out)


def _places(tokens: Any, text: str, where: str) -> tuple[tuple[int, int], ...] | None:
    """The places of words that a tool states; they must follow each other."""
    if not tokens:
        return None
    places, at = [], 0
    for one in checked_list(tokens, "'tokens'", where):
        token = checked_object(one, "The token", where)
        start, end = token.get("start"), token.get("end")
        if type(start) is not int or type(end) is not int or not at <= start <= end <= len(text):
            raise DataError(
                f"The tokens in {where} must follow each other inside of the text. Got one from {start!r:.40} to "
                f"{end!r:.40}; correct it."
            )
        at = end
        if text[start:end].strip():
            places.append((start, end))
    if len(places) > MOST_WORDS:
        raise DataError(f"The text in {where} has more than {MOST_WORDS} words; split it up.")
    return tuple(places) or None


def _label_studio(record: Mapping[str, Any], where: str) -> Iterator[SpanRecord]:
    if "data" not in record:  # the short form
        text = _text(record, where)
        name = next(key for key in DOCCANO if isinstance(record.get(key), list))
        found, remarks = _values(record[name], text, where)
        yield SpanRecord(text, found, where, None, _key(record), remarks=remarks, lost=_lost(remarks))
        return
    data = checked_object(record["data"], "'data'", where)
    texts = [value for key, value in data.items() if isinstance(value, str) and key in ("text", "Text", "content")]
    texts = texts or [value for value in data.values() if isinstance(value, str)]
    if not texts:
        raise DataError(f"The 'data' in {where} holds no text; add 'text'.")
    key, answer = _key(record) or _key({"id": data.get("item")}), answer_of(record, where)
    if answer is None:
        yield SpanRecord(texts[0], (), where, None, key, is_left_out=True)
        return
    regions = list(regions_of([{"type": "labels", **one} for one in answer.results], where))
    marks = [region for region in regions if region.shape == "labels"]
    scores = [region.result.get("score") for region in marks]
    spans, remarks = _values([region.value for region in marks], texts[0], where, scores)
    others = [("other_region", f"{one.where} ({one.result['type']!s:.40})") for one in regions if one.shape != "labels"]
    said = (*[("further_annotation", where)] * answer.further, *remarks, *others)
    yield SpanRecord(
        texts[0], spans, where, None, key, is_predicted=answer.is_predicted, remarks=said, lost=_lost(said)
    )


def _lost(remarks: Sequence[tuple[str, str]]) -> int:
    return sum(kind in ("no_label", "other_region") for kind, _ in remarks)


def _values(
    values: Any, text: str, where: str, scores: Sequence[Any] = ()
) -> tuple[tuple[CharacterSpan, ...], tuple[tuple[str, str], ...]]:
    """Spans with the first of their labels, and what of them was not read."""
    spans, remarks = [], list[tuple[str, str]]()
    for place, one in enumerate(checked_list(values, "The spans", where)):
        value = checked_object(one, "The span", where)
        stated, score = value.get("text"), scores[place] if scores else None
        own_score = 1.0 if score is None else number(score, "score", where, least=0, most=1)
        labels = checked_list(value.get("labels") or [], "The 'labels' of a span", where)
        own = stated if isinstance(stated, str) else ""
        places = value.get("start"), value.get("end")
        spans += [_span(places, label, text, where, score=own_score, stated=own) for label in labels[:1]]
        remarks += [("further_label", f"{where} ({label!s:.60})") for label in labels[1:]]
        remarks += [] if labels else [("no_label", f"{where}, span {place + 1}")]
    return tuple(spans), tuple(remarks)


def _spacy(record: Mapping[str, Any], where: str) -> Iterator[SpanRecord]:
    if "paragraphs" in record:
        from headstart.data.annotations.sentences.spacy_training import paragraphs_of

        for text, spans, words in paragraphs_of(record, where):
            yield SpanRecord(text, spans, where, words)
        return
    text = _text(record, where)
    found = [checked_object(one, "The span", where) for one in checked_list(record.get("ents"), "'ents'", where)]
    spans = tuple(_span((one.get("start"), one.get("end")), one.get("label"), text, where) for one in found)
    yield SpanRecord(text, spans, where, _places(record.get("tokens"), text, where), _key(record))
