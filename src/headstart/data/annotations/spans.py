"""Spans of characters in JSON or JSON lines, as annotation tools write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from headstart.annotations import Sentence, Span
from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location, split_of, splits_of
from headstart.data.annotations.parsing.json_files import load_json, load_lines
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.sentences.aligning import CharacterSpan, align, utf16_offsets
from headstart.data.annotations.sentences.span_records import FORMS, SpanRecord, form_of, records_of
from headstart.data.annotations.sentences.span_writing import write_spans
from headstart.data.annotations.words import sentence_of_text
from headstart.data.schema import SPLITS
from headstart.data.text.encodings import decode_text
from headstart.data.text.unicode import HALF
from headstart.errors import DataError, ItemError
from headstart.types import Dataset

__all__ = ["SPANS", "Spans"]

BRUSHED = re.compile(r'"format"\s*:\s*"rle"|"original_width"\s*:')
LINES = (".jsonl", ".ndjson", ".jsonlines")
START = re.compile(rb'"(entities|spans|ents|label|labels|annotations|completions|predictions|paragraphs)"\s*:')


class Spans:
    """Texts with spans of characters, as doccano, Prodigy, Label Studio and spaCy export them.

    Words are those that the tool states, else `headstart.data.annotations.words.sentence_of_text` splits the text. A
    span that cuts a word is moved to whole words. Records that were rejected, ignored or skipped are left out. Of
    several annotations in Label Studio the first one with a result counts, and of several labels of a span the first;
    the others are counted. Offsets
    count characters; where the stated texts of spans show that UTF-16 code units are counted, those are.

    Examples:
        >>> SPANS.kinds
        ('token',)
    """

    name = "spans"
    title = "JSON of spans (doccano, Prodigy, Label Studio, spaCy)"
    kinds = ("token",)
    writes = ("token",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {"form": tuple(FORMS)}
    written: Mapping[str, tuple[str, ...]] = {"form": ("prodigy", *(form for form in FORMS if form != "prodigy"))}

    def recognise(self, location: Location) -> int:
        """Clear where the first records of the files are texts with spans."""
        files = _files(location)
        return 2 if files and all(_first_form(location, name) is not None for name in files) else 0

    def read(self, location: Location) -> Annotated:
        """Read one file, or the files of a folder."""
        remarks = Remarks()
        files = _files(location)
        splits = splits_of(files) if location.is_folder else {}
        items, ids, y, split = list[Sentence](), list[str](), list[tuple[Span, ...]](), list[str]()
        for name in files:
            for record in _records(location, name, remarks):
                if record.is_left_out:
                    remarks.add("rejected", record.where)
                    continue
                for remark in record.remarks:
                    remarks.add(*remark)
                if record.lost and not record.spans:  # as one without spans it would teach to miss them
                    remarks.add("no_spans_left", record.where)
                    continue
                found = _sentence(record, remarks)
                if found is None:
                    continue
                if record.is_predicted:
                    remarks.say("Read the predictions of a model, since the records hold no annotations of a person.")
                items.append(found[0])
                y.append(found[1])
                own = record.key or str(len(items))
                ids.append(f"{name}:{own}" if location.is_folder else own)
                split.append(splits.get(name) or SPLITS.get(record.split.lower(), ""))
        labels = tuple(sorted({span.label for spans in y for span in spans}))
        if not labels:
            raise DataError(f"No text of '{location.shown}' has a span; there is no type to learn.")
        if len(set(ids)) < len(ids):
            ids = [f"{name}#{place}" for place, name in enumerate(ids)]
        return Annotated("token", items, tuple(ids), y, labels, split, None, remarks.sentences())

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Write ``train.jsonl`` and so on for each split, else ``data.jsonl``; ``.json`` where the tool has that."""
        return write_spans(dataset, folder, settings["form"])

    def write_predictions(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """As `write`; in Label Studio as predictions."""
        return write_spans(dataset, folder, settings["form"], predicted=True)


SPANS = Spans()


def _files(location: Location) -> list[str]:
    if not location.is_folder:
        return list(location.with_suffix(".json", *LINES))
    if location.pictures:
        return []
    found = [name for name in location.with_suffix(".json", *LINES) if "/" not in name]
    split = [name for name in found if split_of(name) is not None]
    return split or (found if len(found) == 1 else [])


def _first_form(location: Location, name: str) -> str | None:
    """The form of the first records of a file, by its beginning; None if they are of none."""
    head = location.head(name)
    if not START.search(head):
        return None
    text, _ = decode_text(head, name)
    text = text.lstrip("\ufeff").lstrip()
    if PurePosixPath(name).suffix.lower() in LINES or not text.startswith("["):
        lines = [line for line in text.split("\n") if line.strip()]
        forms = [_form_of_text(line) for line in lines[: max(len(lines) - 1, 1)][:20]]
        known = [form for form in forms if form is not None]
        if len(known) == len(forms) and known:
            return known[0]
        return _form_of_whole(text) if not text.startswith("[") else None
    return _form_of_text(text[1:].lstrip())


def _form_of_whole(text: str) -> str | None:
    """The form of one JSON object over several lines."""
    found = re.search(r'"annotations"\s*:\s*\[\s*(\[)', text)
    return _form_of_text(text[found.start(1) :]) if found else _form_of_text(text)


def _form_of_text(text: str) -> str | None:
    """The form of the first value of a text, which may be cut after it."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # a record that is longer than what was read: its keys tell
        if BRUSHED.search(text):  # the regions of a picture
            return None
        known = {"label_studio": r'"data"\s*:', "spacy": r'"paragraphs"\s*:'}
        return next((form for form, key in known.items() if re.search(key, text) and len(text) > 30_000), None)
    return form_of(value)


def _records(location: Location, name: str, remarks: Remarks) -> Iterator[SpanRecord]:
    title = location.title(name)
    values: Iterator[tuple[str, Any]]
    if PurePosixPath(name).suffix.lower() in LINES or _is_lines(location, name):
        values = ((f"{title}, line {number}", value) for number, value in load_lines(location, name))
    else:
        whole = load_json(location, name)
        listed = whole if isinstance(whole, list) else [whole]
        values = ((f"{title}, record {place}", value) for place, value in enumerate(listed, start=1))
    form = location.settings.get("form", "")
    for where, value in _expanded(values):
        own = form or form_of(value)
        if own is None and isinstance(value, dict) and isinstance(value.get("text"), str):
            own = _form_without_spans(value)
        if own is None:
            raise DataError(
                f"The record in {where} has no form that is known ({', '.join(FORMS.values())}); correct it, or name "
                "the form with --annotations spans,form=NAME."
            )
        if not form:
            remarks.say(f"Read the spans in the form of {FORMS[own]}.")
            form = own
        yield from records_of(value, form, where)


def _expanded(values: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The records, of which some tools put all into one object beside their classes."""
    for where, value in values:
        inner = value.get("annotations") if isinstance(value, dict) and not {"text", "data"} & value.keys() else None
        if isinstance(inner, list):
            yield from ((f"{where}, annotations[{k}]", one) for k, one in enumerate(inner) if one is not None)
        else:
            yield where, value


def _form_without_spans(value: Mapping[str, Any]) -> str | None:
    """A text whose list of spans is missing, which has none."""
    known = {"answer": "prodigy", "tokens": "prodigy", "id": "doccano"}
    return next((form for key, form in known.items() if key in value), None)


def _is_lines(location: Location, name: str) -> bool:
    first = location.head(name).lstrip(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0].strip()
    return first.startswith(b"{") and first.endswith(b"}")


def _sentence(record: SpanRecord, remarks: Remarks) -> tuple[Sentence, tuple[Span, ...]] | None:
    text = HALF.sub("\ufffd", record.text)
    if record.words is not None:
        sentence = Sentence(tuple(text[a:b] for a, b in record.words), text, record.words)
    else:
        remarks.say(
            "Split texts into words: runs of letters and digits, each sign of punctuation, and in scripts without "
            "spaces each character."
        )
        try:
            sentence = sentence_of_text(text)
        except ItemError:
            remarks.add("empty_text", record.where)
            return None
    return sentence, align(sentence, _in_characters(record, remarks), record.where, remarks)


def _in_characters(record: SpanRecord, remarks: Remarks) -> list[CharacterSpan]:
    """The spans with offsets of characters: as they are, unless the stated texts say that UTF-16 is counted."""
    text = record.text
    spans = list(record.spans)
    stated = [span for span in spans if span.text]
    is_exact = all(text[span.start : span.end] == span.text for span in stated)
    if (not stated or not is_exact) and not text.isascii():
        offsets = utf16_offsets(text)
        moved = [replace(span, start=offsets.get(span.start, -1), end=offsets.get(span.end, -1)) for span in spans]
        fits = all(span.start >= 0 and text[span.start : span.end] == span.text for span in moved if span.text)
        if stated and fits and all(span.start >= 0 <= span.end for span in moved):
            remarks.say("Offsets count UTF-16 code units, as the texts of the spans show; they were read as such.")
            return moved
    beyond = next((span for span in spans if span.end > len(text)), None)
    if beyond is not None:
        raise DataError(
            f"A span in {record.where} must end at {len(text)} at most, the length of its text. Got {beyond.end}; "
            "correct it."
        )
    return spans
