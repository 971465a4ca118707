"""The choice of a source: the named one, or the default for the items at hand, checked against their modality.

Pictures take ``headstart:photo``, sounds ``headstart:speech``, English texts ``headstart:text`` and other texts
``headstart:multilingual``: each where it is installed, else what is. On sounds, on small pictures and on texts that are
or may be English another source may be better: there labelled items decide (`headstart.transfer.ranking.comparison`).

On sounds ``headstart:image`` is a candidate only where ``headstart:photo`` is not installed. Both read the same log-mel
spectrograms, and the larger body was the better one (accuracy on spoken digits 0.957 against 0.943, on ESC-10 0.945
against 0.900; ``headstart:speech`` 1.000 and 0.955). As a third candidate it could win only by noise, at a cost of up
to five points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np

from headstart.data.auditing.english import english_figures, is_english
from headstart.data.table.several_columns import QUANTITIES, ItemColumn, parse_column
from headstart.data.text.scripts import script_shares
from headstart.errors import ItemError, SourceError
from headstart.reporting import Reporter
from headstart.sources.columns import ColumnsSource
from headstart.sources.embedded import BUILT_IN, installed_names
from headstart.sources.fused import FusedSource
from headstart.sources.preprocessing.decode import open_picture
from headstart.sources.registry import describe, open_source
from headstart.sources.transformers.tokenizing import read_by
from headstart.types import Dataset, Modality, Source

__all__ = [
    "MULTILINGUAL",
    "SMALL",
    "TEXT",
    "DefaultSource",
    "OnDefault",
    "check_default",
    "default_source",
    "installed_sources",
    "multimodal_source",
    "report_default",
    "source_for",
    "training_items",
]

IMAGE, PHOTO, SPEECH = "headstart:image", "headstart:photo", "headstart:speech"
TEXT, MULTILINGUAL = "headstart:text", "headstart:multilingual"

# The smallest source of the install, which a distillation trains unless another student is named.
SMALL: dict[Modality, str] = {"image": IMAGE, "audio": IMAGE, "text": TEXT}

SMALL_SIDE = 64  # pixels that headstart:image reads; on smaller pictures it may be as good as a larger body
FEW_PICTURES, FEW_TEXTS, MOST_CHARACTERS = 16, 400, 1000  # items that are read for the choice, and letters of each text
MIDDLE_PIECES = 1.32  # tokens per word between English and foreign texts, where no label can decide
LATIN = 0.98
COMPARED = "chosen by comparison"


@dataclass(frozen=True)
class DefaultSource:
    """The default source for some items.

    Attributes:
        name: the source that is taken, unless labelled items decide.
        why: the reason, as a clause.
        candidates: the sources among which labelled items decide, the cheapest first; empty if the choice is clear.
        why_other: the clause for a candidate that labelled items prefer to ``name``; default: ``why``.
        advice: a sentence on a source that is not installed and would suit the items better; else empty.
        figures: what the choice is based on, as plain JSON values.
        opened: the source, if it was opened to read the items.

    Examples:
        >>> DefaultSource("vector", "the rows are used as they are").sentence
        'vector: the rows are used as they are'
    """

    name: str
    why: str
    candidates: tuple[str, ...] = ()
    why_other: str = ""
    advice: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    opened: Source | None = field(default=None, compare=False, repr=False)

    @property
    def sentence(self) -> str:
        """The choice with its reason and advice."""
        return f"{self.name}: {self.why}{'. ' + self.advice if self.advice else ''}"

    def compared(self, winner: str, figures: str) -> DefaultSource:
        """The choice after a comparison of the candidates.

        Args:
            winner: the candidate that is taken.
            figures: what was measured, as a clause.

        Examples:
            >>> default = DefaultSource("b", "the default", ("a", "b"), "the items are small")
            >>> default.compared("a", "a has the lower loss").sentence
            'a: the items are small; a has the lower loss'
        """
        if winner == self.name:
            return replace(self, why=f"{self.why}; {figures}")
        return replace(self, name=winner, why=f"{self.why_other or self.why}; {figures}", opened=None)


def default_source(modality: Modality, items: Sequence[Any] = ()) -> DefaultSource:
    """The default source for items, from the items alone: no label is used.

    Args:
        modality: of the items; several columns have no single default.
        items: n items of it, of which a few are read.

    Raises:
        MissingExtraError: for texts if no source of texts is installed.

    Examples:
        >>> default_source("vector").name
        'vector'
        >>> default_source("text", ["Where is my card?", "I lost my card."]).name
        'headstart:text'
    """
    if modality == "vector":
        return DefaultSource("vector", "the rows are used as they are")
    at_hand = installed_sources()
    if modality == "text":
        return _for_texts([text for text in items if isinstance(text, str) and text.strip()], at_hand)
    return _for_pictures(items, at_hand) if modality == "image" else _for_sounds(at_hand)


Items = Callable[[], Sequence[Any]]
OpenOne = Callable[[Modality, "str | Source | None", Items, str], Source]
OnDefault = Callable[[str, DefaultSource], None]


def report_default(reporter: Reporter) -> OnDefault:
    """A function that reports each default source that was taken, in one line.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> report_default(SilentReporter())("", default_source("vector"))
    """

    def report(column: str, chosen: DefaultSource) -> None:
        reporter.line("source chosen", f"{column}: {chosen.sentence}" if column else chosen.sentence)

    return report


def check_default(modality: Modality) -> None:
    """Raise, before any work, if no source for items of this modality is installed.

    Raises:
        MissingExtraError: for texts if neither the English nor the multilingual source is installed.

    Examples:
        >>> check_default("image")
    """
    if modality == "text" and not {TEXT, MULTILINGUAL} & installed_sources():
        open_source(TEXT)


def installed_sources() -> frozenset[str]:
    """Names of the sources of the scheme ``headstart:`` that can be opened here.

    Examples:
        >>> "headstart:image" in installed_sources()
        True
    """
    return frozenset(f"headstart:{name}" for name in installed_names())


def _advice(name: str, why: str) -> str:
    """How to install a source that would suit the items better; empty where it cannot be installed."""
    key = name.partition(":")[2]
    if key not in BUILT_IN or not BUILT_IN[key].is_available:
        return ""
    return f"{why}: {BUILT_IN[key].install}"


def _for_pictures(items: Sequence[Any], at_hand: frozenset[str]) -> DefaultSource:
    if PHOTO not in at_hand:
        advice = _advice(PHOTO, f"{PHOTO}, a larger body, is usually more accurate")
        return DefaultSource(IMAGE, "the source of pictures that comes with the install", advice=advice)
    side = _median_side(items)
    if side is None or side > SMALL_SIDE:
        return DefaultSource(PHOTO, "the default for pictures", figures={"median_side": side})
    small = f"small ({side:.0f} pixels in the median)"
    why, why_other = f"the default for pictures, though these are {small}", f"the pictures are {small}"
    return DefaultSource(PHOTO, why, (IMAGE, PHOTO), why_other, figures={"median_side": side})


def _median_side(items: Sequence[Any]) -> float | None:
    """The median longer side of a few pictures, in pixels; None if none can be read."""
    sides = []
    for place in _drawn(len(items), FEW_PICTURES):
        try:
            sides.append(max(open_picture(items[place], (1, 1)).size))
        except ItemError:
            continue
    return float(np.median(sides)) if sides else None


def _for_sounds(at_hand: frozenset[str]) -> DefaultSource:
    pictures = PHOTO if PHOTO in at_hand else IMAGE
    spectrograms = "it reads sounds as log-mel spectrograms"
    if SPEECH in at_hand:
        return DefaultSource(SPEECH, "the default for sounds", (pictures, SPEECH), spectrograms)
    advice = _advice(SPEECH, f"{SPEECH} is usually more accurate on voices")
    return DefaultSource(pictures, spectrograms, advice=advice)


def _for_texts(texts: Sequence[str], at_hand: frozenset[str]) -> DefaultSource:
    few = [texts[place][:MOST_CHARACTERS] for place in _drawn(len(texts), FEW_TEXTS)]
    if TEXT not in at_hand and MULTILINGUAL in at_hand:
        return _without_english(few)
    if not few:
        return DefaultSource(TEXT, "the default for texts")
    english = open_source(TEXT)
    facts = read_by(english, few)
    verdict, shown = is_english(facts), english_figures(facts)
    figures = {
        "texts": facts.texts, "scripts": dict(facts.scripts), "unknown_tokens": facts.unknown,
        "tokens_per_word": facts.pieces_per_word, "words_that_lose_marks": facts.altered, "english": verdict,
    }  # fmt: skip
    reading = f"as its tokenizer reads them ({shown})"
    if MULTILINGUAL not in at_hand:  # the audit of the texts says what to install where it matters
        words = f"the only source of texts that is installed; the texts are {'' if verdict == 'no' else 'perhaps '}not"
        why = f"the texts look English ({shown})" if verdict == "yes" else f"{words} English, {reading}"
        return DefaultSource(TEXT, why, figures=figures, opened=english)
    if verdict == "no":
        why = f"{TEXT} reads English, and these texts are not English, {reading}"
        return DefaultSource(MULTILINGUAL, why, figures=figures)
    # even of English texts labels may say more: the larger body is 1 to 4 points better on some sets, worse on others
    if verdict == "unclear" and (facts.pieces_per_word or 1.0) > MIDDLE_PIECES:
        why = f"the texts are rather not English ({shown}, read by {TEXT})"
        return DefaultSource(MULTILINGUAL, why, (TEXT, MULTILINGUAL), f"{COMPARED}, though {why}", figures=figures)
    why = f"the texts {'look' if verdict == 'yes' else 'are rather'} English ({shown})"
    why_other = f"{COMPARED}, though {why}"
    return DefaultSource(TEXT, why, (TEXT, MULTILINGUAL), why_other, figures=figures, opened=english)


def _without_english(texts: Sequence[str]) -> DefaultSource:
    """The multilingual source where the English one is not installed, so that its tokenizer cannot tell English."""
    shares = script_shares(texts)
    plain = shares.get("Latin", 0.0) >= LATIN and sum(not text.isascii() for text in texts) <= 0.1 * len(texts)
    advice = _advice(TEXT, f"If the texts are English, {TEXT} is faster and usually more accurate") if plain else ""
    why = "the only source of texts that is installed"
    return DefaultSource(MULTILINGUAL, why, advice=advice, figures={"texts": len(texts), "scripts": shares})


def _drawn(count: int, most: int) -> list[int]:
    """Up to ``most`` of the positions below ``count``, always the same ones."""
    return sorted(np.random.default_rng(0).permutation(count)[:most].tolist())


def training_items(dataset: Dataset, column: int | None = None) -> list[Any]:
    """The items of the given training part, or all items where no split is given; of one column if it is named.

    Args:
        dataset: n items.
        column: position of a column of items that have several.

    Examples:
        >>> data = Dataset(["a", "b"], ("0", "1"), "text", split=np.array(["train", "test"]))
        >>> training_items(data)
        ['a']
    """
    train = np.ones(len(dataset), bool) if dataset.split is None else dataset.split == "train"
    train = train if train.any() else ~train
    items = [item for item, is_train in zip(dataset.items, train, strict=True) if is_train]
    return items if column is None else [item[column] for item in items]


def source_for(
    dataset: Dataset,
    source: str | Source | Sequence[str | Source] | None,
    *,
    option: str = "--source",
    on_default: OnDefault | None = None,
) -> Source:
    """Open the named source for the data's modality, or the default one; several are fused.

    Args:
        dataset: the items that will be encoded.
        source: a name with its scheme, an open source, several of these, or None for the default of these items
            (`default_source`). For items of several columns, ``COLUMN=NAME`` names the source of one column.
        option: the command-line option that names it, for messages.
        on_default: called with (column or "", `DefaultSource`) for each default that was taken, such as
            `report_default`.

    Raises:
        SourceError: if the source encodes another modality.
        UnknownNameError: if the name is unknown.

    Examples:
        >>> source_for(Dataset(items=[[0.0]], ids=("0",), modality="vector"), None).info.name
        'vector'
        >>> from headstart.sources.toy import ToySource
        >>> source_for(Dataset(items=["good"], ids=("0",), modality="text"), ["toy", ToySource(1)]).info.name
        'fused:toy+toy (untrained, seed 1)'
    """
    several = list(source) if isinstance(source, Sequence) and not isinstance(source, str) else [source]
    open_one = partial(_open, option=option, on_default=on_default)
    if dataset.modality == "multimodal":
        return multimodal_source(dataset, [one for one in several if one is not None], open_one)
    opened = [open_one(dataset.modality, one, partial(training_items, dataset), "") for one in several]
    return opened[0] if len(opened) == 1 else FusedSource(tuple(opened))


def _open(
    modality: Modality,
    source: str | Source | None,
    items: Items,
    column: str,
    *,
    option: str,
    on_default: OnDefault | None,
) -> Source:
    if source is None:
        chosen = default_source(modality, items())
        source = chosen.opened or chosen.name
        if on_default is not None and modality != "vector":
            on_default(column, chosen)
    opened = open_source(source, modality=modality) if isinstance(source, str) else source
    if opened.info.modality != modality:
        raise SourceError(
            f"The source '{opened.info.name}' encodes {opened.info.modality} items, but the data hold "
            f"{modality} items; name another one with {option} ('headstart sources list' shows them)."
        )
    return opened


def multimodal_source(dataset: Dataset, wanted: Sequence[str | Source], open_one: OpenOne) -> FusedSource:
    """A fused source with a part for each column of pictures, sounds or texts, and one for all numbers and categories.

    Args:
        dataset: items of several columns.
        wanted: ``COLUMN=NAME`` for one column (repeat it to give a column several sources), or a name or an open source
            for all columns of its modality; the other columns get the default of their modality.
        open_one: a function of (modality, name or None for the default, its training cells, column) that returns the
            source.

    Raises:
        SourceError: if no column has the modality of a source.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> rows = [("as new", (5.0,)), ("worn", (2.0,))]
        >>> data = Dataset(rows, ("0", "1"), "multimodal", columns=("note:text", "price:number"))
        >>> source = multimodal_source(data, [ToySource()], lambda kind, name, cells, column: name)
        >>> source.labels, source.encode(rows).shape
        (('note', 'columns'), (2, 99))
    """
    columns = [parse_column(name) for name in dataset.columns]
    encoded = [column for column in columns if column.kind not in QUANTITIES]
    quantities = [column for column in columns if column.kind in QUANTITIES]
    of_column, of_kind = _assigned(wanted, encoded)
    parts: list[tuple[Source, int, str]] = []
    for place, column in enumerate(encoded):
        named = of_column.get(column.name) or of_kind.get(column.kind) or [None]
        cells = partial(training_items, dataset, place)
        opened = [open_one(cast("Modality", column.kind), one, cells, column.name) for one in named]
        names = [column.name if len(opened) == 1 else f"{column.name} by {one.info.name}" for one in opened]
        parts += [(one, place, name) for one, name in zip(opened, names, strict=True)]
    if quantities:
        # Categories and medians are learnt from the training items only.
        rows = training_items(dataset, len(encoded))
        source = ColumnsSource.learn([one.name for one in quantities], [one.kind for one in quantities], rows)
        parts.append((source, len(encoded), "columns"))
    return FusedSource(
        tuple(part for part, _, _ in parts), tuple(place for _, place, _ in parts), tuple(name for _, _, name in parts)
    )


def _assigned(
    wanted: Sequence[str | Source], encoded: Sequence[ItemColumn]
) -> tuple[dict[str, list[str | Source | None]], dict[str, list[str | Source | None]]]:
    """The sources named for single columns, and those named for all columns of a modality."""
    of_column: dict[str, list[str | Source | None]] = {}
    of_kind: dict[str, list[str | Source | None]] = {}
    kinds = {column.kind for column in encoded}
    for one in wanted:
        name, equals, rest = one.partition("=") if isinstance(one, str) else ("", "", "")
        # A local path may contain "=": it is COLUMN=NAME only if the column exists.
        if equals and name in {column.name for column in encoded}:
            of_column.setdefault(name, []).append(rest)
            continue
        kind = describe(one).modality if isinstance(one, str) else one.info.modality
        if kind not in kinds:
            raise SourceError(
                f"The source '{one if isinstance(one, str) else one.info.name}' encodes {kind} items, and no item "
                f"column holds any; the columns are {', '.join(map(str, encoded))}. Name a source as COLUMN=NAME."
            )
        of_kind.setdefault(kind, []).append(one)
    return of_column, of_kind
