"""The tokenizer of a BERT body in front of a graph that takes token ids: from one raw text.

``BertTokenizer`` of onnxruntime-extensions splits words as the tokenizers library does, but it removes accents from
letters of Latin-1 alone, knows fewer spaces and control characters, and keeps the pieces of a word before its first
unknown piece. So in front of it letters are replaced by what they become, spaces by plain ones, and a word with an
unknown symbol (an emoji) by that symbol. Then each character is tried in both tokenizers; a text with one that is still
read otherwise, or with a special token, is recognised, and its answer is NaN.
"""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np

from headstart.data.text.forms import canonical_text
from headstart.errors import MissingExtraError, SourceError
from headstart.export.graph.operators import TEXT_EXTENSIONS, Operators
from headstart.sources.transformers.tokenizing import TokenizerSpec, open_tokenizer

__all__ = ["raw_text_front", "refuse_tokenizer"]

LATIN = 0x100  # before it the operator changes letters as BERT does
COMMON = 0x0590  # Latin, Greek, Cyrillic and Armenian letters are before
# Alphabets, symbols, Chinese and Japanese, wide forms, emoji; a text with another character has no answer.
TRIED = (range(1, 0x1200), range(0x1E00, 0x3100), range(0x4E00, 0xA000), range(0xFF00, 0xFFF0), range(0x1F000, 0x1FB00))
SYMBOLS = (range(0x2190, 0x2C00), range(0x1F000, 0x1FB00))
SPECIAL = {"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"}  # without one of them the operator does not start
PUNCTUATION = frozenset(string.punctuation)
FORMS = ("{0}", "a{0}b", "{0}{0}")  # a character by itself, in a word, and twice
AT_ONCE = 256
STRANGE = "\ue000"  # a private character, which is no known one
LETTERS = "łđœħŧŋı"  # of the Latin script, which have no accent that is removed
RANDOM = 100  # texts of known characters


def refuse_tokenizer(spec: TokenizerSpec, name: str) -> None:
    """Raise unless a tokenizer is one of BERT: WordPiece with its normaliser, between ``[CLS]`` and ``[SEP]``.

    Args:
        spec: the tokenizer.
        name: of the source, for the message.

    Raises:
        SourceError: names what it is.

    Examples:
        >>> from headstart.sources import open_source
        >>> refuse_tokenizer(open_source("headstart:text").parts.tokenizer, "headstart:text")
        >>> refuse_tokenizer(open_source("headstart:multilingual").parts.tokenizer, "headstart:multilingual")
        Traceback (most recent call last):
        headstart.errors.SourceError: The tokenizer of 'headstart:multilingual' (Unigram with the normaliser Sequence...
    """
    found = _parts(spec)
    model, normaliser, before = (found.get(part) or {} for part in ("model", "normalizer", "pre_tokenizer"))
    kinds = [part.get("type") for part in (model, normaliser, before)]
    plain = kinds == ["WordPiece", "BertNormalizer", "BertPreTokenizer"] and normaliser["clean_text"]
    if (
        not plain
        or model["continuing_subword_prefix"] != "##"
        or (model["unk_token"], model["max_input_chars_per_word"]) != ("[UNK]", 100)
        or normaliser["strip_accents"] not in (None, normaliser["lowercase"])
        or not set(model["vocab"]) >= SPECIAL
    ):
        raise SourceError(
            f"The tokenizer of '{name}' ({kinds[0]} with the normaliser {kinds[1]}) is none that "
            "onnxruntime-extensions computes exactly, which is that of BERT alone; leave out --with-decoder: model.py "
            "and tokenizer.json read raw texts."
        )


def _parts(spec: TokenizerSpec) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(open_tokenizer(spec).to_str())
    return found


def raw_text_front(spec: TokenizerSpec, ids: str, mask: str) -> tuple[Operators, str]:
    """The operators from ``text`` (1,) to token ids and their mask, (1, tokens) int64 each.

    Args:
        spec: a tokenizer that `refuse_tokenizer` lets pass.
        ids: name of the token ids.
        mask: name of the mask.

    Returns:
        The operators, and the name of a boolean (1,): whether the text is one that both tokenizers read alike.

    Raises:
        SourceError: if random texts of characters that both read alike are read otherwise.
        MissingExtraError: if onnxruntime-extensions is not installed.

    Examples:
        >>> from headstart.sources import open_source
        >>> spec = open_source("headstart:text").parts.tokenizer
        >>> ops, known = raw_text_front(spec, "ids", "mask")                  # doctest: +SKIP
        >>> [node.op_type for node in ops.nodes].count("BertTokenizer")       # doctest: +SKIP
        1
    """
    tokenizer = open_tokenizer(spec)
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    tokenizer.no_truncation()
    ops, plain = Operators("text"), _plain(spec)
    found = _tokens(ops, plain, _made_plain(ops, plain, "text"))
    known = _known_characters(tokenizer, plain)
    _cut(ops, found, spec.max_length, ids)
    ops.op("ConstantOfShape", ops.op("Shape", ids), output=mask, value=_one())
    marked = _replaced(ops, "text", "|".join(_quoted(token) for token in special), STRANGE)
    rest = _replaced(ops, marked, _among(known), "")
    alike = ops.op("StringEqual", rest, ops.text(""), domain=TEXT_EXTENSIONS)
    is_text = ops.op("Greater", ops.op("Shape", ids, start=1), ops.constant([2], np.int64))  # a token between the two
    return ops, ops.op("And", alike, is_text)


class _PlainText:
    """What is done to a text before the tokenizer operator, and its settings."""

    def __init__(self, spec: TokenizerSpec) -> None:
        found, tokenizer = _parts(spec), open_tokenizer(spec)
        vocab = tokenizer.get_vocab()
        self.vocabulary = "\n".join(sorted(vocab, key=vocab.__getitem__))
        self.vocab = frozenset(vocab)
        self.lower = int(found["normalizer"]["lowercase"])
        self.chinese = int(found["normalizer"]["handle_chinese_chars"])
        normalise = tokenizer.normalizer.normalize_str
        signs = {sign for token in vocab for sign in token}
        self.becomes: dict[str, str] = {
            chr(code): normalise(canonical_text(chr(code)))
            for code in chain(*TRIED)
            if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")
        }  # fmt: skip

        def in_words(character: str) -> bool:
            shown = normalise(canonical_text(f"a{character}a"))
            return len(tokenizer.pre_tokenizer.pre_tokenize_str(shown)) == 1

        words = [one for one, becomes in self.becomes.items() if becomes.strip() and in_words(one)]
        self.in_words = frozenset(words)
        self.unknown = frozenset(
            one
            for one in words
            if any(ord(one) in part for part in SYMBOLS) and not signs.issuperset(self.becomes[one])
        )

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """Characters by what they are replaced by: nothing, a space, or another letter."""
        groups: dict[str, list[str]] = {}
        for character, becomes in self.becomes.items():
            letter = not character.isascii() and re.fullmatch(f"[a-zA-Z{LETTERS}]", becomes) is not None
            if becomes != character and (not becomes or becomes == " " or letter):
                groups.setdefault(becomes, []).append(character)
        return groups


@lru_cache(maxsize=2)
def _plain(spec: TokenizerSpec) -> _PlainText:
    return _PlainText(spec)


def _made_plain(ops: Operators, plain: _PlainText, text: str) -> str:
    for becomes, characters in plain.groups.items():
        text = _replaced(ops, text, _among(characters), becomes)
    return _replaced(ops, text, *_unknown_words(plain)) if plain.unknown else text


def _unknown_words(plain: _PlainText) -> tuple[str, str]:
    """A pattern of the words with an unknown symbol, and such a symbol."""
    unknown, others = _among(plain.unknown), _among(plain.becomes.keys() - plain.in_words)
    return f"[^{others[1:]}*{unknown}[^{others[1:]}*", min(plain.unknown)


def _tokens(ops: Operators, plain: _PlainText, text: str) -> str:
    """The ids (tokens,) of all of a text that was made plain."""
    outputs = [ops.name() for _ in range(3)]
    return ops.several(
        "BertTokenizer", [text], outputs, domain=TEXT_EXTENSIONS, vocab_file=plain.vocabulary,
        do_lower_case=plain.lower, strip_accents=plain.lower, tokenize_chinese_chars=plain.chinese,
        suffix_indicator="##",
    )[0]  # fmt: skip


def _replaced(ops: Operators, text: str, pattern: str, by: str) -> str:
    return ops.op("StringRegexReplace", text, ops.text(pattern), ops.text(by), domain=TEXT_EXTENSIONS)


def _quoted(token: str) -> str:
    return "".join(f"\\x{{{ord(sign):x}}}" for sign in token)


def _among(characters: Iterable[str]) -> str:
    """A pattern of one of some characters."""
    codes = sorted(map(ord, characters))
    ends = [k for k in range(len(codes)) if k + 1 == len(codes) or codes[k + 1] != codes[k] + 1]
    begins = [0, *(k + 1 for k in ends[:-1])]
    return "[" + "".join(f"\\x{{{codes[a]:x}}}-\\x{{{codes[b]:x}}}" for a, b in zip(begins, ends, strict=True)) + "]"


def _cut(ops: Operators, found: str, length: int, ids: str) -> None:
    """The first tokens of (tokens,) and the last one, which ends a text, as (1, tokens)."""
    zero, last, end, most = (ops.constant([value], np.int64) for value in (0, -1, 1 << 40, length - 1))
    flat = ops.op("Reshape", found, last)
    first = ops.op("Slice", ops.op("Slice", flat, zero, last), zero, most)
    ops.op("Unsqueeze", ops.op("Concat", first, ops.op("Slice", flat, last, end), axis=0), zero, output=ids)


def _one() -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ones(1, np.int64))


def _known_characters(tokenizer: Any, plain: _PlainText) -> list[str]:
    """Characters that both tokenizers read alike, wherever they stand."""

    def ours(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(canonical_text(text)).ids
        return ids

    quick, complete = _operator(plain, complete=False), _operator(plain, complete=True)
    table = str.maketrans({one: becomes for becomes, group in plain.groups.items() for one in group})

    symbol = min(plain.unknown, default="")

    def theirs(text: str) -> list[int]:  # what the complete operator does, without its slow patterns
        shown, word = [], ""
        for one in text.translate(table) + " ":
            if one in plain.in_words:
                word += one
            else:
                shown += [symbol if plain.unknown.intersection(word) else word, one]
                word = ""
        return quick("".join(shown)[:-1])

    replaced = {one for group in plain.groups.values() for one in group}
    known = [
        one for one, becomes in plain.becomes.items()
        if one in plain.unknown
        or (_in_vocabulary(becomes, plain.vocab) and (one in replaced or becomes.strip() == one or ord(one) < LATIN))
    ]  # fmt: skip
    for form in FORMS:
        parts = [known[begin : begin + AT_ONCE] for begin in range(0, len(known), AT_ONCE)]
        known = [one for part in parts for one in _alike(part, form, ours, theirs)]
    rng = np.random.default_rng(0)
    common = [one for one in known if ord(one) < COMMON]
    for k in range(RANDOM):
        text = "".join(rng.choice(common if k % 2 else known, rng.integers(1, 30)))
        if ours(text) != complete(text):
            raise SourceError(
                f"onnxruntime-extensions tokenizes the text {text!r} otherwise than this model, so a file with the "
                "tokenizer inside would answer otherwise; leave out --with-decoder."
            )
    return known


def _in_vocabulary(becomes: str, vocab: frozenset[str]) -> bool:
    """Whether a character never makes the rest of its word unknown: there the operator gives other tokens."""
    return all(
        one.isspace() or {one, f"##{one}"} <= vocab or (one in vocab and _stands_alone(one)) or one in PUNCTUATION
        for one in becomes
    )


def _stands_alone(one: str) -> bool:
    return unicodedata.category(one)[0] == "P" or "CJK" in unicodedata.name(one, "")


def _alike(characters: Sequence[str], form: str, ours: Callable[[str], Any], theirs: Callable[[str], Any]) -> list[str]:
    """Those that give the same ids in both; a group that does is not looked at one by one."""
    text = " ".join(form.format(one) for one in characters)
    if ours(text) == theirs(text):
        return list(characters)
    if len(characters) <= 1:
        return []
    half = len(characters) // 2
    return [*_alike(characters[:half], form, ours, theirs), *_alike(characters[half:], form, ours, theirs)]


def _operator(plain: _PlainText, *, complete: bool) -> Callable[[str], list[int]]:
    """The tokenizer operator; ``complete`` with what is replaced in front of it, which takes longer."""
    try:
        import onnxruntime
        import onnxruntime_extensions
    except ImportError as error:
        raise MissingExtraError("--with-decoder", "onnx") from error
    from onnx import TensorProto, helper

    ops = Operators("text")
    found = _tokens(ops, plain, _made_plain(ops, plain, "text") if complete else "text")
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [1])
    ids = helper.make_tensor_value_info(found, TensorProto.INT64, None)
    graph = helper.make_graph(ops.nodes, "tokenizer", [text], [ids], ops.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(TEXT_EXTENSIONS, 1)]
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return lambda text: [int(one) for one in session.run(None, {"text": [text]})[0].ravel()]
