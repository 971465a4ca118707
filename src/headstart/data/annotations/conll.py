"""CoNLL: a word a line with columns, the last of which holds its tag; a blank line ends a sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from headstart.annotations import Sentence, Span
from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location, split_of
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.tags import OUTSIDE, SCHEMES, guess_scheme, is_tag, spans_of_tags, tags_of_spans
from headstart.data.text.encodings import decode_text
from headstart.data.text.unicode import HALF
from headstart.errors import DataError
from headstart.types import Dataset

__all__ = ["CONLL", "Conll"]

SUFFIXES = (".conll", ".conllx", ".conllu", ".conllp", ".bio", ".bio2", ".iob", ".iob2", ".bioes", ".bilou", ".ner")
TEXTS = (".txt", ".tsv", ".train", ".dev", ".test", ".testa", ".testb", ".data", "")
DOCUMENT = "-DOCSTART-"
LINES = re.compile(r"\r\n|[\r\n]")  # splitlines() would break at U+0085 and U+2028, which occur in words
SPACES = re.compile(r"[ \t]+")
MOST_WORDS = 100_000  # of a sentence
MOST_TYPES = 1000
FEWEST_DOCUMENTS = 10  # that are groups: fewer would leave no choice where to split


@dataclass(frozen=True)
class _Line:
    """A word's columns, with its place."""

    number: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Block:
    """The lines of a sentence, and the number of its document in the file."""

    file: str
    lines: tuple[_Line, ...]
    document: int


class Conll:
    """The format of the CoNLL shared tasks of 2002 and 2003, and what others made of it.

    Columns are separated by tabs or, where a file has none, by spaces. The tag is in the last column and the word in
    the first, or in the second behind numbers of words (CoNLL-U). Lines ``-DOCSTART-`` and comments (``# ...``) are no
    words. The scheme of the tags (IO, IOB1, IOB2, BIOES, BILOU) is guessed.

    Examples:
        >>> CONLL.kinds
        ('token',)
    """

    name = "conll"
    title = "CoNLL"
    kinds = ("token",)
    writes = ("token",)
    has_columns = True
    settings: Mapping[str, tuple[str, ...]] = {"scheme": SCHEMES, "word": (), "tag": ()}
    written: Mapping[str, tuple[str, ...]] = {"scheme": ("IOB2", *(name for name in SCHEMES if name != "IOB2"))}

    def recognise(self, location: Location) -> int:
        """Clear where a file ends like one of this format, or nearly every line ends with a tag."""
        files = _files(location)
        if not files:
            return 0
        if any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in files):
            return 2
        return 2 if all(_looks_tagged(location.head(name)) for name in files) else 0

    def read(self, location: Location) -> Annotated:
        """Read one file, or the files of a folder."""
        remarks = Remarks()
        blocks: list[_Block] = []
        files = _files(location)
        for name in files:
            text, notes = location.text(name)
            for note in notes:
                remarks.say(note)
            blocks += _blocks(text, name, location)
        width = _width(blocks, location)
        column = _tag_column(blocks, width, location)
        word = _word_column(blocks, width, location)
        return _annotated(location, blocks, (word, column), remarks)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Write ``train.conll`` and so on for each split, else ``data.conll``: word, tab and tag a line."""
        _, y = dataset.labelled()
        files: dict[str, list[str]] = {}
        for row, (sentence, spans) in enumerate(zip(dataset.items, y, strict=True)):
            split = "" if dataset.split is None else str(dataset.split[row])
            tags = tags_of_spans(spans, len(sentence), settings["scheme"])
            odd = next(
                (word for word in sentence.words if not word.strip() or LINES.search(word) or "\t" in word), None
            )
            if odd is not None:
                raise DataError(f"The word {odd!r} of the sentence '{dataset.ids[row]}' cannot be a line of CoNLL.")
            lines = [f"{word}\t{tag}\n" for word, tag in zip(sentence.words, tags, strict=True)]
            files.setdefault({"val": "dev"}.get(split, split) or "data", []).append("".join(lines))
        for name, sentences in files.items():
            (folder / f"{name}.conll").write_text("\n".join(sentences), encoding="utf-8", newline="\n")
        texts = any(sentence.text != " ".join(sentence.words) for sentence in dataset.items)
        scored = any(span.score != 1.0 for spans in y for span in spans)
        return (
            *(["CoNLL holds words, not the texts with their own spaces."] if texts else []),
            *(["CoNLL holds no scores; '--format spans' writes them."] if scored else []),
            *(
                ["IO joins spans of one type that touch; IOB2 does not."]
                if settings["scheme"] == "IO" and _touch(y)
                else []
            ),
        )


CONLL = Conll()


def _touch(y: Iterable[Iterable[Span]]) -> bool:
    """Whether a span follows one of its own type without a word between them."""
    ordered = [sorted(spans) for spans in y]
    return any(a.end == b.start and a.label == b.label for own in ordered for a, b in pairwise(own))


def _files(location: Location) -> list[str]:
    """The files of this format: those whose name says so, else texts that a split's name or the user points to."""
    if not location.is_folder:
        suffix = location.path.suffix.lower()
        return [location.path.name] if suffix in SUFFIXES or suffix in TEXTS else []
    named = location.with_suffix(*SUFFIXES)
    if named:
        return named
    if location.listing.files.keys() & {"image", "audio"}:
        return []
    texts = [name for name in location.with_suffix(*TEXTS) if "/" not in name]
    split = [name for name in texts if split_of(name) is not None]
    return split if split and len(split) < 20 else []


def _looks_tagged(head: bytes) -> bool:
    """Whether nearly all lines of a text end with a tag, some of them with one that is not O."""
    text, _ = decode_text(head, "")
    lines = [line for line in LINES.split(text)[:-1] or [text] if line.strip() and not line.startswith("#")][:2000]
    columns = [parts for parts in map(_columns, lines) if parts[0] != DOCUMENT]
    rows = [parts for parts in columns if len(parts) > 1]
    tags = [parts[-1] for parts in rows]
    prefixed = sum(is_tag(tag) and tag not in OUTSIDE for tag in tags)
    counts = Counter(len(parts) for parts in rows)
    is_even = bool(rows) and counts.most_common(1)[0][1] >= 0.95 * len(columns)
    return is_even and prefixed > 0 and sum(map(is_tag, tags)) >= 0.98 * len(tags)


def _columns(line: str) -> tuple[str, ...]:
    if "\t" in line:
        return tuple(part.strip(" ") for part in line.rstrip(" \t").split("\t"))
    return tuple(SPACES.split(line.strip(" ")))


def _blocks(text: str, name: str, location: Location) -> Iterator[_Block]:
    document, lines = 0, list[_Line]()
    numbered = [(number, line) for number, line in enumerate(LINES.split(text), start=1)]
    usual = Counter(len(_columns(line)) for _, line in numbered[:10_000] if line.strip(" \t")).most_common(1)
    width = usual[0][0] if usual else 0
    for number, line in [*numbered, (len(numbered) + 1, "")]:
        columns = _columns(line) if line.strip(" \t\ufeff") else ()
        ends = not columns or columns[0].startswith(DOCUMENT)
        if ends and lines:
            yield _Block(name, tuple(lines), document)
            lines = []
        document += bool(columns) and ends
        if ends or _is_comment(line, columns, width):
            continue
        if len(columns) != width:
            raise DataError(
                f"Cannot read {location.title(name, number)}: each line must have {width} columns, as most have, but "
                f"it has {len(columns)} ({line.strip()[:60]!r}); fix the line, or separate all columns by tabs."
            )
        lines.append(_Line(number, columns))
        if len(lines) > MOST_WORDS:
            raise DataError(
                f"Cannot read {location.title(name, number)}: its sentence has more than {MOST_WORDS} words; end "
                "sentences with blank lines."
            )


def _is_comment(line: str, columns: Sequence[str], width: int) -> bool:
    """Whether a line is a comment; a word "#" has as many columns as the others, and a tag."""
    return line.startswith("#") and (len(columns) != width or not is_tag(columns[-1])) and line[:2] != "#\t"


def _width(blocks: Sequence[_Block], location: Location) -> int:
    if not blocks:
        raise DataError(f"There are no words in '{location.shown}'; give a word and its tag in each line.")
    widths = {len(block.lines[0].columns): block for block in blocks}
    if len(widths) > 1:
        (one, first), (other, second) = list(widths.items())[:2]
        raise DataError(
            f"The files of '{location.shown}' differ in their columns: '{first.file}' has {one} and '{second.file}' "
            f"{other}; give files of one form."
        )
    width = next(iter(widths))
    if width < 2:
        where = location.title(blocks[0].file, blocks[0].lines[0].number)
        raise DataError(
            f"Cannot read {where}: each line must have a word and its tag, separated by a tab or spaces, but it "
            f"has one column ({blocks[0].lines[0].columns[0][:60]!r}); add the column of tags."
        )
    return width


def _given_column(given: str, width: int, what: str, location: Location) -> int:
    if re.fullmatch(r"-?[1-9]\d{0,3}", given):
        number = int(given)
        if 1 <= number <= width:
            return number - 1
        if -width <= number <= -1:
            return width + number
    raise DataError(
        f"The column of {what} of '{location.shown}' must be a number from 1 to {width}, or from -1 (the last) to "
        f"-{width}. Got '{given}' instead."
    )


def _tag_column(blocks: Sequence[_Block], width: int, location: Location) -> int:
    given = location.settings.get("tag") or (location.options.label[0] if location.options.label else "")
    column = _given_column(given, width, "tags", location) if given else width - 1
    tags = Counter(line.columns[column] for block in blocks for line in block.lines)
    inside = {tag for tag in tags if tag not in OUTSIDE}
    if (len(inside) < len(tags) or all(map(is_tag, tags))) and len(inside) <= MOST_TYPES:
        return column
    others = [k for k in range(width) if k != column and _holds_tags(blocks, k)]
    hint = f"; column {others[0] + 1} does: name it with --label {others[0] + 1}" if others else ""
    line = blocks[0].lines[0]
    raise DataError(
        f"Column {column + 1} of {location.title(blocks[0].file, line.number)} must hold tags such as O and "
        f"B-PER, but it holds {len(tags)} different values such as {line.columns[column][:40]!r}"
        f"{hint or '; add a column of tags'}."
    )


def _holds_tags(blocks: Sequence[_Block], column: int) -> bool:
    tags = [line.columns[column] for block in blocks[:1000] for line in block.lines]
    return all(map(is_tag, tags)) and any(tag in OUTSIDE for tag in tags)


def _word_column(blocks: Sequence[_Block], width: int, location: Location) -> int:
    if "word" in location.settings:
        return _given_column(location.settings["word"], width, "words", location)
    numbers = all(
        re.fullmatch(r"\d+([-.]\d+)?", line.columns[0]) is not None for block in blocks[:100] for line in block.lines
    )
    return 1 if numbers and width > 2 else 0


def _annotated(location: Location, blocks: Sequence[_Block], columns: tuple[int, int], remarks: Remarks) -> Annotated:
    word, column = columns
    given = location.settings.get("scheme", "")
    tags = [[line.columns[column] for line in block.lines] for block in blocks]
    scheme = given or guess_scheme(tags)
    how = "as stated" if given else "guessed from their prefixes; state it with --annotations conll,scheme=NAME"
    width = len(blocks[0].lines[0].columns)
    remarks.say(
        f"Read the words from column {word + 1} and the tags from column {column + 1} of {width}; the tags are "
        f"{scheme}, {how}."
    )
    items, ids, y, kept = list[Sentence](), list[str](), list[tuple[Span, ...]](), list[_Block]()
    for block, own in zip(blocks, tags, strict=True):
        held = [place for place, line in enumerate(block.lines) if line.columns[word].strip()]
        for place in set(range(len(own))) - set(held):
            remarks.add("empty_word", location.title(block.file, block.lines[place].number))
        if not held:
            continue
        lines, marks = [block.lines[place] for place in held], [own[place] for place in held]

        def repaired(place: int, lines: list[_Line] = lines, marks: list[str] = marks, file: str = block.file) -> None:
            remarks.add("tag_repaired", f"{location.title(file, lines[place].number)} ({marks[place]})")

        y.append(spans_of_tags(marks, scheme, repaired))
        items.append(Sentence.of_words([HALF.sub("\ufffd", line.columns[word]) for line in lines]))
        ids.append(f"{block.file}:{lines[0].number}" if location.is_folder else str(lines[0].number))
        kept.append(block)
    labels = tuple(sorted({span.label for spans in y for span in spans}))
    if not labels:
        raise DataError(f"No word of '{location.shown}' has a tag other than O; there is no type to learn.")
    split = [split_of(block.file) or "" for block in kept] if location.is_folder else None
    return Annotated("token", items, tuple(ids), y, labels, split, _documents(kept), remarks.sentences())


def _documents(blocks: Sequence[_Block]) -> list[str] | None:
    names = [f"{block.file} document {block.document}" for block in blocks]
    return names if len(set(names)) >= FEWEST_DOCUMENTS and len({block.document for block in blocks}) > 1 else None
