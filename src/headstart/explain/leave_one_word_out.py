"""Leave one word out: how much the quantity falls if a word of the text is removed. It needs predictions alone.

    a_u = f(x) - f(x without u)

Words are those of the text; in scripts without spaces between words, pieces of the tokenizer, or characters. The values
of words that can replace each other are all small, and they do not sum to anything.

References: Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure", arXiv:1612.08220,
2016; Robnik-Šikonja & Kononenko, "Explaining Classifications For Individual Instances", TKDE 2008.

Command: headstart explain RUN ITEM --method leave_one_word_out
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.attributions import Attribution, TextShare, TextShares
from headstart.data.text.forms import canonical_text
from headstart.errors import ItemError
from headstart.explain.asking.query import Query
from headstart.explain.asking.words import Span, word_spans
from headstart.explain.registry import Need
from headstart.sources.bodies.embedded_text import TokenSpans
from headstart.types import Modality, Source

__all__ = ["LEAVE_ONE_WORD_OUT", "LeaveOneWordOut", "text_parts", "without"]

MOST = 256  # variants of a text; of a longer one, neighbouring words are left out together


@dataclass(frozen=True)
class LeaveOneWordOut:
    """How much each word of a text counts, from predictions without it.

    Attributes:
        name: ``"leave_one_word_out"``.
        title: what it shows.
        modalities: texts.
        needs: nothing: any head on any backend.

    Examples:
        >>> from headstart import fit
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> model = fit(data, source="toy", verbose=False).model
        >>> model.explain("a good one", method="leave_one_word_out")["leave_one_word_out"].shown.largest(1)[0][0]
        'good'
    """

    name: str = "leave_one_word_out"
    title: str = "Words that count: the answer without each"
    modalities: frozenset[Modality] = frozenset({"text"})
    needs: frozenset[Need] = frozenset()

    def __call__(self, query: Query) -> Attribution:
        """The fall of the quantity without each word."""
        text, spans, read = text_parts(query.model.source, query.item)
        spans, notes = _bounded(spans[:read]), []
        if len(spans) < 2:
            raise ItemError(
                f"The text {text!r:.60} is a single word, and nothing is left without it; give a longer text."
            )
        if len(spans) < read:
            notes.append(f"The text has {read} words; neighbouring ones were left out together, in {len(spans)} parts.")
        variants = [without(text, [span]) for span in spans]
        found = query.values_of_items([text, *variants])
        values = found[0] - found[1:]
        shown = TextShares(
            text, tuple(TextShare(text[a:b], a, b, float(v)) for (a, b), v in zip(spans, values, strict=True))
        )
        notes.append("Each value is how much the quantity falls without the word; the values do not sum to anything.")
        return Attribution(
            self.name, self.title, shown, query.contrast.quantity, query.contrast.unit, float(found[0]),
            checks={"predictions": float(len(variants) + 1)}, notes=tuple(notes),
        )  # fmt: skip


def text_parts(source: Source, item: object) -> tuple[str, list[Span], int]:
    """The text as it is read, its words, and how many of them the body reads.

    Args:
        source: a source of texts.
        item: the text.

    Raises:
        ItemError: if the item is not a text.

    Examples:
        >>> from headstart.sources import open_source
        >>> text_parts(open_source("toy"), "so good!")
        ('so good!', [(0, 2), (3, 7), (7, 8)], 3)
    """
    if not isinstance(item, str):
        raise ItemError(f"A text must be a string. Got {type(item).__name__} instead.")
    if not isinstance(source, TokenSpans):
        text = canonical_text(item)
        spans = word_spans(text)
        return text, spans, len(spans)
    text, tokens = source.token_spans(item)
    spans = word_spans(text, tokens)
    end = max((stop for _, stop in tokens), default=0)
    return text, spans, sum(start < end for start, _ in spans)


def without(text: str, spans: Sequence[Span]) -> str:
    """The text without some of its parts; where a part stood between two spaces, one is left.

    Args:
        text: the text.
        spans: (start, stop) of the parts, in any order.

    Examples:
        >>> without("a good film", [(2, 6)]), without("a good film", [(0, 1)])
        ('a film', 'good film')
    """
    for start, stop in sorted(spans, reverse=True):
        before, after = text[:start], text[stop:]
        text = before + (after[1:] if after[:1].isspace() and (not before or before[-1].isspace()) else after)
        text = text[:-1] if not after and before[-1:].isspace() else text
    return text


def _bounded(spans: Sequence[Span]) -> list[Span]:
    """At most 256 spans: neighbouring ones joined."""
    parts = np.array_split(np.arange(len(spans)), min(len(spans), MOST))
    return [(spans[part[0]][0], spans[part[-1]][1]) for part in parts if len(part)]


LEAVE_ONE_WORD_OUT = LeaveOneWordOut()
