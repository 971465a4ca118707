"""TF-IDF of words, of characters or of both, as the training texts require: the baseline for any language."""

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
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["CountedTexts", "TextRows", "counted_rows", "leave_one_out_errors", "text_rows", "tfidf"]

WORDS, CHARACTERS = "words", "characters"
BOTH = f"{WORDS} and {CHARACTERS}"

# 3000 float32 columns are 12 kB per item, so 10,000 dense rows are 120 MB.
MAX_TERMS = 3000
MAX_CHARACTERS = 100_000  # per text: the n-grams of a text of 10 MB would take 1.5 GB
ROWS_FOR_CHOICE = 500  # cross-validation repeats the choice in each fold, so it has to be fast
UNSPACED = 0.3  # with a larger share of letters from scripts without spaces, words alone are no candidate


@dataclass(frozen=True, eq=False)
class TextRows:
    """TF-IDF rows of texts.

    Attributes:
        train: (n, d) float32 rows of the training texts.
        test: (m, d) float32 rows of the test texts.
        blocks: ``"words"``, ``"characters"`` or both, side by side, each of unit length.
        errors: leave-one-out squared error of each candidate, as a share of the targets' variance; empty where there
            was only one.

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
        """The displayed name, such as ``"TF-IDF of words and characters"``."""
        return f"TF-IDF of {' and '.join(block.name for block in self.blocks)}"


def tfidf(view: str, terms: int = MAX_TERMS) -> TfidfVectorizer:
    """TF-IDF of texts after NFKC and case folding, with sublinear counts and unit length (Salton & Buckley 1988).

    Args:
        view: ``"words"`` for words and word pairs, ``"characters"`` for 1 to 3 characters in a row.
        terms: the number of columns, for the most frequent terms; default 3000.

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


@dataclass(frozen=True, eq=False)
class CountedTexts:
    """Texts and the counts of their terms, which are counted once for all parts of a cross-validation.

    Attributes:
        texts: n texts.
        counts: by view, (n, terms) float32 counts, sparse, terms in alphabetical order; no view without terms.

    Examples:
        >>> counted = CountedTexts.of(["a bad film", "a film"])
        >>> counted.counts["words"].toarray()        # a, a bad, a film, bad, bad film, film
        array([[1., 1., 0., 1., 1., 1.],
               [1., 0., 1., 0., 0., 1.]], dtype=float32)
    """

    texts: Sequence[str]
    counts: Mapping[str, csr_matrix]

    @classmethod
    def of(cls, texts: Sequence[str]) -> CountedTexts:
        """Count the terms of texts."""
        counts = {view: _counted(view, texts) for view in (WORDS, CHARACTERS)}
        return cls(texts, {view: found for view, found in counts.items() if found is not None})

    def take(self, rows: NDArray[np.intp]) -> CountedTexts:
        """The texts at these places."""
        return CountedTexts([self.texts[k] for k in rows], {view: found[rows] for view, found in self.counts.items()})


def text_rows(
    train: Sequence[str],
    test: Sequence[str],
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> TextRows:
    """TF-IDF rows of words, of characters, or of both side by side, whichever predicts the training labels best.

    The choice is by the exact leave-one-out (or leave-one-group-out) error of a ridge at its best λ, on at most 500 of
    the training texts. Words alone are no candidate for scripts without spaces between words (Chinese, Japanese, Thai,
    Khmer, ...). Only the training texts are used for fitting.

    Args:
        train: n training texts.
        test: m texts to evaluate on.
        targets: (n, k) targets of the training texts: one-hot, 0/1 or values.
        groups: (n,) codes of texts that are left out together; None where all texts are independent.
        seed: seed of the draw of the 500 texts; default 0.

    Returns:
        The rows, with at most 3,000 columns in total; where there are at most 3,000 training texts, with at most 3,000
        columns each for words and for characters.

    Examples:
        >>> texts, y = ["好电影", "坏电影", "好书", "坏书"] * 3, np.eye(2)[[0, 1, 0, 1] * 3]
        >>> found = text_rows(texts, ["好"], y)
        >>> found.name, found.train.shape
        ('TF-IDF of characters', (12, 12))
    """
    both, n = CountedTexts.of([*train, *test]), len(train)
    rest = np.arange(n, len(both.texts))
    return counted_rows(both.take(np.arange(n)), both.take(rest), targets, groups=groups, seed=seed)


def counted_rows(
    train: CountedTexts,
    test: CountedTexts,
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> TextRows:
    """What `text_rows` gives for two parts of texts whose terms are counted already.

    Args:
        train: n training texts.
        test: m texts to evaluate on, of the same count.
        targets: as in `text_rows`.
        groups: as in `text_rows`.
        seed: as in `text_rows`.

    Examples:
        >>> counted = CountedTexts.of(["good film", "bad film", "good book", "bad book"] * 3 + ["good"])
        >>> found = counted_rows(counted.take(np.arange(12)), counted.take(np.array([12])), np.eye(2)[[0, 1] * 6])
        >>> found.name, found.test.shape
        ('TF-IDF of words', (1, 8))
    """
    chosen = _draw(len(train.texts), seed)
    sample = train if len(chosen) == len(train.texts) else train.take(chosen)
    rows = {view: _weighted(found, found)[0] for view, found in sample.counts.items() if found.nnz}
    grams = {view: np.asarray((x @ x.T).toarray()) for view, x in ((v, r.astype(np.float64)) for v, r in rows.items())}
    errors = leave_one_out_errors(grams, targets[chosen], groups=None if groups is None else groups[chosen])
    if unspaced_share(sample.texts) > UNSPACED:
        errors.pop(WORDS, None)
    best = min(errors, key=lambda name: errors[name])
    views = (WORDS, CHARACTERS) if best == BOTH else (best,)
    terms = MAX_TERMS if len(train.texts) <= MAX_TERMS else MAX_TERMS // len(views)
    x_train, x_test, blocks = [], [], []
    for view in views:
        fitted, other = _weighted(train.counts[view], test.counts[view], terms)
        x_train.append(fitted.toarray())
        x_test.append(other.toarray())
        blocks.append(Block(view, x_train[-1].shape[1]))
    shown = errors if len(errors) > 1 else {}
    return TextRows(np.concatenate(x_train, axis=1), np.concatenate(x_test, axis=1), tuple(blocks), shown)


def leave_one_out_errors(
    grams: Mapping[str, NDArray[np.float64]],
    targets: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """The exact leave-one-out squared error of a ridge with intercept at its best λ, for each set of rows and for both.

    Args:
        grams: by name, (n, n) inner products of the rows; two of them are also tried side by side, each divided by its
            total variance.
        targets: (n, k) targets.
        groups: (n,) codes of rows that are left out together, or None.

    Returns:
        By name, the error as a share of the targets' variance (the mean over the targets that vary).

    Examples:
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> errors = leave_one_out_errors({"one": x @ x.T}, x)
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
    """The least leave-one-out error over λ, from the (n, n) inner products of centred rows and (n, k) targets."""
    if not targets.shape[1] or not np.trace(centred) > 0:
        return 1.0
    # K = V S Vᵀ, so the rows V √S have these inner products, and their scatter matrix is diagonal: S
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


def _counted(view: str, texts: Sequence[str]) -> csr_matrix | None:
    """Counts (n, terms) of a view's terms; None where the texts have none."""
    from sklearn.feature_extraction.text import CountVectorizer

    analyse = tfidf(view).build_analyzer()
    if not any(analyse(text) for text in texts):
        return None
    found: csr_matrix = CountVectorizer(analyzer=analyse, dtype=np.float32).fit_transform(texts).tocsr()
    return found


def _weighted(train: csr_matrix, test: csr_matrix, terms: int = MAX_TERMS) -> tuple[csr_matrix, csr_matrix]:
    """TF-IDF rows of training and other counts: what `tfidf` fitted to the training texts gives."""
    from sklearn.feature_extraction.text import TfidfTransformer

    kept = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]))
    if len(kept) > terms:  # the most frequent ones, among equals the same as in scikit-learn
        kept = np.sort(kept[np.argsort(-np.asarray(train.sum(axis=0)).ravel()[kept])[:terms]])
    weights = TfidfTransformer(sublinear_tf=True).fit(train[:, kept])
    return weights.transform(train[:, kept]), weights.transform(test[:, kept])


def _centred(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner products of the rows minus their mean, (I - 11ᵀ/n) K (I - 11ᵀ/n)."""
    mean = gram.mean(axis=0)
    return np.asarray(gram - mean - mean[:, None] + mean.mean())


def _draw(n: int, seed: int) -> NDArray[np.intp]:
    if n <= ROWS_FOR_CHOICE:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, ROWS_FOR_CHOICE, replace=False))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
