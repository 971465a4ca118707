"""The parts of a text that attributions are given for: words, and pieces where words are not separated by spaces."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from headstart.data.text.scripts import UNSPACED, script_of

__all__ = ["Span", "merged", "word_spans"]

Span = tuple[int, int]
JOINERS = "'\u2019-_"  # inside a word between two letters


def word_spans(text: str, tokens: Sequence[Span] = ()) -> list[Span]:
    """The (start, stop) of the parts of a text, first to last.

    A part is a word, a run of other signs, or, in scripts without spaces between words (Chinese, Japanese, Thai, ...),
    a character with its marks. Parts that one token covers are one part, so attributions of tokens can be added up.

    Args:
        text: the text.
        tokens: (start, stop) of a tokenizer's tokens; empty for none.

    Examples:
        >>> text = "Don't pay 3.50 - \u6211\u7684\u5361"
        >>> [text[a:b] for a, b in word_spans(text)]
        ["Don't", 'pay', '3.50', '-', '\u6211', '\u7684', '\u5361']
        >>> [text[a:b] for a, b in word_spans(text, [(17, 19), (19, 20)])][4:]
        ['\u6211\u7684', '\u5361']
    """
    spans: list[Span] = []
    kinds: list[str] = []
    for place, sign in enumerate(text):
        kind = _kind(text, place, kinds[-1] if kinds and spans[-1][1] == place else "")
        if kind == "space":
            continue
        if kind == "mark" and spans and spans[-1][1] == place:
            spans[-1] = (spans[-1][0], place + len(sign))
        elif spans and spans[-1][1] == place and kind == kinds[-1] and kind in ("word", "signs"):
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
            kinds.append("word" if kind == "mark" else kind)
    return merged(spans, tokens)


def _kind(text: str, place: int, before: str) -> str:
    sign = text[place]
    if sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zs"):
        return "space" if sign.isspace() else "mark"
    if unicodedata.category(sign)[0] == "M":
        return "mark"
    if sign.isalnum():
        return "unspaced" if not sign.isascii() and script_of(sign) in UNSPACED else "word"
    follows = text[place + 1 : place + 2]
    if sign in JOINERS and before == "word" and follows.isalnum():
        return "word"
    # 3.50 and 1,000 are one number
    if sign in ".," and before == "word" and text[place - 1].isdecimal() and follows.isdecimal():
        return "word"
    return "signs"


def merged(spans: Sequence[Span], tokens: Sequence[Span]) -> list[Span]:
    """The spans, those that one token overlaps joined to one.

    Args:
        spans: (start, stop), sorted, without overlaps.
        tokens: (start, stop) of tokens.

    Examples:
        >>> merged([(0, 1), (1, 2), (3, 4)], [(0, 2)])
        [(0, 2), (3, 4)]
    """
    found = list(spans)
    for start, stop in tokens:
        inside = [k for k, (a, b) in enumerate(found) if a < stop and start < b]
        if len(inside) > 1:
            first, last = inside[0], inside[-1]
            found[first : last + 1] = [(found[first][0], found[last][1])]
    return found
