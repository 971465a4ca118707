"""TF-IDF of words and of characters, whichever the training texts need: the baseline of texts in any language."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.data.text.scripts import unspaced_share
from headstart.data.text.words import split_words
from headstart.linear.leave_out import leave_one_group_out, leave_one_out
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.types import Block

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["TextRows", "left_out_errors", "text_rows", "tfidf"]

WORDS, CHARACTERS = "words", "characters"
BOTH = f"{WORDS} and {CHARACTERS}"

# 3000 float32 columns are 12 kB an item, so 10,000 dense rows are 120 MB.
MAX_TERMS = 3000
MAX_CHARACTERS = 100_000  # of a text; the n-grams of one of 10 MB would fill 1.5 GB
ROWS_FOR_CHOICE = 500  # in cross-validation the choice is made in each part, so it has to be quick
UNSPACED = 0.3  # share of letters without spaces between words from which on words alone are no contender


@dataclass(frozen=True, eq=False)
class TextRows:
    """TF-IDF rows of texts.

    Attributes:
        train: (n, d) float32 rows of the training texts.
        test: (m, d) float32 rows of the others.
        blocks: ``"words"``, ``"characters"`` or both, side by side, each of unit length.
        errors: left-out squared error by what was compared, as a share of the targets' variance; empty where there was
            nothing to choose.

    Examples:
        >>> TextRows(np.eye(2, dtype=np.float32), np.eye(1, 2, dtype=np.float32), (Block("words", 2),), {}).name
        'TF-IDF of words'
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    blocks: tuple[Block, ...]
    errors: Mapping[str, float]

    @property
    def name(self) -> str:
        """What is shown, such as ``"TF-IDF of words and characters"``."""
        return f"TF-IDF of {' and '.join(block.name for block in self.blocks)}"


def tfidf(view: str, terms: int = MAX_TERMS) -> TfidfVectorizer:
    """TF-IDF of texts after NFKC and case folding, sublinear, of unit length (Salton & Buckley 1988).

    Args:
        view: ``"words"`` for words and word pairs, ``"characters"`` for 1 to 3 characters in a row.
        terms: how many of the most frequent terms are columns.

    Examples:
        >>> tfidf("words").fit(["Good film", "a bad film"]).get_feature_names_out().tolist()
        ['a', 'a bad', 'bad', 'bad film', 'film', 'good', 'good film']
        >>> tfidf("characters").fit(["ab"]).get_feature_names_out().tolist()
        ['a', 'ab', 'b']
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    same = {"preprocessor": _fold, "sublinear_tf": True, "max_features": terms, "dtype": np.float32}
    if view == CHARACTERS:
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), **same)
    return TfidfVectorizer(tokenizer=split_words, token_pattern=None, ngram_range=(1, 2), **same)


def text_rows(
    train: Sequence[str],
    test: Sequence[str],
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> TextRows:
    """TF-IDF rows of words, of characters, or of both side by side: what predicts the training texts best.

    The choice is made on the training texts alone, 500 of them at most, by the exact left-out error of a ridge at its
    best λ, where items of a group are left out together. Words alone are no contender where words are not set apart by
    spaces (Chinese, Japanese, Thai, Khmer, ...). All that is fitted sees the training texts alone.

    Args:
        train: n training texts.
        test: m texts to judge.
        targets: (n, k) targets of the training texts: one-hot, 0/1 or values.
        groups: (n,) codes of texts that are left out together; None where every text stands alone.
        seed: for the draw of the 500.

    Returns:
        The rows; of at most 3,000 columns, or of 3,000 for words and for characters each where there are at most as
        many training texts.

    Examples:
        >>> texts, y = ["好电影", "坏电影", "好书", "坏书"] * 3, np.eye(2)[[0, 1, 0, 1] * 3]
        >>> found = text_rows(texts, ["好"], y)
        >>> found.name, found.train.shape
        ('TF-IDF of characters', (12, 12))
    """
    chosen = _draw(len(train), seed)
    sample = [train[k] for k in chosen]
    there = None if groups is None else groups[chosen]
    grams = {view: _gram(view, sample) for view in (WORDS, CHARACTERS)}
    errors = left_out_errors(
        {view: gram for view, gram in grams.items() if gram is not None}, targets[chosen], groups=there
    )
    if unspaced_share(sample) > UNSPACED:
        errors.pop(WORDS, None)
    best = min(errors, key=lambda name: errors[name])
    views = (WORDS, CHARACTERS) if best == BOTH else (best,)
    terms = MAX_TERMS if len(train) <= MAX_TERMS else MAX_TERMS // len(views)
    x_train, x_test, blocks = [], [], []
    for view in views:
        vectorizer = tfidf(view, terms)
        x_train.append(vectorizer.fit_transform(train).toarray())
        x_test.append(vectorizer.transform(test).toarray())
        blocks.append(Block(view, x_train[-1].shape[1]))
    shown = errors if len(errors) > 1 else {}
    return TextRows(np.concatenate(x_train, axis=1), np.concatenate(x_test, axis=1), tuple(blocks), shown)


def left_out_errors(
    grams: Mapping[str, NDArray[np.float64]],
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """The exact left-out squared error of a ridge with intercept at its best λ, for each set of rows and for both.

    Args:
        grams: by name, (n, n) inner products of the rows; two of them are also tried side by side, each divided by its
            total variance.
        targets: (n, k) targets.
        groups: (n,) codes of rows that are left out together, or None.

    Returns:
        By name, the error as a share of the targets' variance (the mean over the targets that vary).

    Examples:
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> errors = left_out_errors({"one": x @ x.T}, x)
        >>> errors["one"] < 1e-6
        True
    """
    centred = {name: _centred(gram) for name, gram in grams.items()}
    if len(centred) == 2:
        traces = [float(np.trace(gram)) for gram in centred.values()]
        if min(traces) > 0:
            joined = sum(gram / trace for gram, trace in zip(centred.values(), traces, strict=True))
            centred[" and ".join(centred)] = np.asarray(joined)
    spread = targets.var(axis=0)
    varied = targets[:, spread > 0] / np.sqrt(spread[spread > 0])
    together = None if groups is None or len(np.unique(groups)) in (1, len(groups)) else groups
    return {name: _least_error(gram, varied, together) for name, gram in centred.items()}


def _least_error(centred: NDArray[np.float64], targets: NDArray[np.float64], groups: NDArray[np.int64] | None) -> float:
    """The least left-out error over λ; from coordinates in which the rows have these inner products."""
    if not targets.shape[1] or not np.trace(centred) > 0:
        return 1.0
    values, vectors = np.linalg.eigh(centred)
    keep = values > len(values) * np.finfo(float).eps * values[-1]
    values, vectors = values[keep][::-1], vectors[:, keep][:, ::-1]
    rows, mean = vectors * np.sqrt(values), targets.mean(axis=0)
    away = targets - mean
    spectrum = Spectrum(
        np.zeros(len(values)), mean, float(len(rows)), len(rows), values, np.eye(len(values)), rows.T @ away,
        (away**2).sum(axis=0),
    )  # fmt: skip
    grid = lambda_grid(spectrum).tolist()
    found = (
        leave_one_out(spectrum, rows, targets, grid)
        if groups is None
        else leave_one_group_out(spectrum, rows, targets, groups, grid)
    )
    return min(float(np.mean((left.predictions - targets) ** 2)) for left in found)


def _gram(view: str, texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Inner products of TF-IDF rows; None where the texts have no such terms."""
    vectorizer = tfidf(view)
    analyse = vectorizer.build_analyzer()
    if not any(analyse(text) for text in texts):
        return None
    rows = vectorizer.fit_transform(texts).astype(np.float64)
    return np.asarray((rows @ rows.T).toarray())


def _centred(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = gram.mean(axis=0)
    return np.asarray(gram - mean - mean[:, None] + mean.mean())


def _draw(n: int, seed: int) -> NDArray[np.intp]:
    if n <= ROWS_FOR_CHOICE:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, ROWS_FOR_CHOICE, replace=False))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
