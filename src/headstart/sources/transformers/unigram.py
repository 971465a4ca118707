"""Unigram tokenizers as SentencePiece trains them for XLM-RoBERTa, built from their pieces.

Reference: Kudo 2018, "Subword Regularization: Improving Neural Network Translation Models with Multiple Subword
Candidates"; Conneau et al. 2020, "Unsupervised Cross-lingual Representation Learning at Scale".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram

__all__ = ["unigram_model", "xlm_roberta_tokenizer"]

# SentencePiece's nmt_nfkc keeps the full-width tilde, which NFKC makes a plain one. It is put out of NFKC's reach as a
# character for private use.
KEPT, STAND_IN = "\uff5e", "\U0010fffd"


def unigram_model(pieces: Sequence[str], scores: Sequence[float], unknown: int) -> Unigram:
    """The model of a tokenizer; several tokenizers may share it.

    Args:
        pieces: its p pieces.
        scores: their log probabilities.
        unknown: the id of the piece for unknown text.

    Examples:
        >>> unigram_model(["?", "a"], [0.0, -1.0], 0).tokenize("a")[0].id
        1
    """
    from tokenizers.models import Unigram

    return Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False)


def xlm_roberta_tokenizer(model: Unigram, special: Mapping[str, int]) -> Tokenizer:
    """XLM-RoBERTa's tokenizer: nmt_nfkc, pieces that begin with a mark for a space, and bos and eos around a text.

    Args:
        model: from `unigram_model`, with ``<s>``, ``<pad>``, ``</s>``, ``<unk>`` and ``<mask>`` among its pieces.
        special: the ids of ``bos`` and ``eos``.

    Examples:
        >>> pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "a", "\u2581a", "<mask>"]
        >>> model = unigram_model(pieces, [0, 0, 0, 0, -3, -2, -1, 0], 3)
        >>> xlm_roberta_tokenizer(model, {"bos": 0, "eos": 2}).encode("a  aa").tokens
        ['<s>', '\u2581a', '\u2581a', 'a', '</s>']
    """
    from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors

    made = Tokenizer(model)
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(KEPT, STAND_IN),
            normalizers.Nmt(),  # control characters are dropped, all kinds of spaces become one
            normalizers.NFKC(),
            normalizers.Replace(STAND_IN, KEPT),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", special["bos"]), ("</s>", special["eos"])]
    )
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)])
    return made
