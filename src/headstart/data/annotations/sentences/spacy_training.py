"""The training format of spaCy 2: documents of paragraphs of sentences of tokens with BILOU tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headstart.annotations import Sentence
from headstart.data.annotations.parsing.json_files import checked_list, checked_object
from headstart.data.annotations.sentences.aligning import CharacterSpan
from headstart.data.annotations.tags import spans_of_tags
from headstart.errors import DataError

__all__ = ["paragraphs_of"]

Words = tuple[tuple[int, int], ...]


def paragraphs_of(
    record: Mapping[str, Any], where: str
) -> Iterator[tuple[str, tuple[CharacterSpan, ...], Words | None]]:
    """The sentences of a document: text, spans of characters, and places of the words.

    Args:
        record: a document.
        where: its file and line.

    Raises:
        DataError: if it is not of this form.

    Examples:
        >>> tokens = [{"orth": "Ada", "ner": "U-PER"}, {"orth": "ran", "ner": "O"}]
        >>> list(paragraphs_of({"paragraphs": [{"sentences": [{"tokens": tokens}]}]}, ""))[0][1]
        (CharacterSpan(start=0, end=3, label='PER', score=1.0, text=''),)
    """
    for one in checked_list(record.get("paragraphs"), "'paragraphs'", where):
        paragraph = checked_object(one, "The paragraph", where)
        for inner in checked_list(paragraph.get("sentences") or [], "'sentences'", where):
            sentence = checked_object(inner, "The sentence", where)
            tokens = checked_list(sentence.get("tokens") or [], "'tokens'", where)
            words, tags = [], []
            for part in tokens:
                token = checked_object(part, "The token", where)
                word, tag = token.get("orth"), token.get("ner", "O")
                if not isinstance(word, str) or not isinstance(tag, str):
                    raise DataError(
                        f"A token in {where} must have 'orth' and 'ner' as texts. Got {token!r:.60} instead."
                    )
                if word.strip():
                    words.append(word)
                    tags.append("O" if tag in ("-", "") else tag)
            if words:
                whole = Sentence.of_words(words)
                spans = [(*whole.characters(span), span.label) for span in spans_of_tags(tags, "BILOU")]
                yield whole.text, tuple(CharacterSpan(*span) for span in spans), whole.offsets
