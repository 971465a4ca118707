"""The closed-form head of words: layers, neighbours, ridge or LDA, λ and decoding, all by left-out span F1.

The layers are chosen on a sample of the sentences: first each block alone, then the best of them with their neighbours
in the body and in the sentence. λ and the decoding are then chosen on all sentences (at most `MOST_JUDGED` of them are
scored, each by the fit on all others).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.annotating.time_limit import TimeLimit
from headstart.heads.words.decoding import CountsApart, JudgedWords, TagCounts, shares_of, transitions
from headstart.heads.words.head import WordsHead
from headstart.heads.words.left_out import SolvedWords
from headstart.heads.words.sums import WordChoices, WordSums
from headstart.heads.words.word_rows import Columns, LabelledWords
from headstart.types import group_codes

__all__ = ["SolvedHead", "choose_columns", "solve_words"]

MOST_SAMPLED = 300
"""Sentences on which layers are compared."""

MOST_JUDGED = 1500
"""Sentences whose left-out spans are counted."""

MOST_COLUMNS = 4096  # numbers of a word that a head may read: their moments take 128 MB
COUNTED_APART = 10  # parts of the sentences whose own tags are not counted where they are judged
FEW_LAMBDAS = (1e-3, 1e-2, 1e-1)  # of a comparison of layers, as multiples of the number of words
CONTEXTS = (0, 1)
NOTHING = (-1.0, 0.0)  # of columns that were not measured
MOST_NEAR = 2  # of the best blocks that are measured with neighbours

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class SolvedHead:
    """A head with its evidence.

    Attributes:
        head: the head.
        left_out: its span F1 on sentences that were left out, the largest of all that were tried and so a little
            optimistic; a fit is evaluated on sentences that took no part in these choices.
        record: what was compared, as plain JSON values.
        columns: what the head reads.
        lam: the penalty λ.
        sums: what it was solved from.
    """

    head: WordsHead
    left_out: float
    record: Mapping[str, Any]
    columns: Columns
    lam: float
    sums: WordSums


def solve_words(
    words: LabelledWords,
    *,
    columns: Columns | None = None,
    pooling: str = "first",
    seed: int = 0,
    say: Say = lambda _: None,
    limit: TimeLimit | None = None,
) -> SolvedHead:
    """Solve the head of labelled words.

    Args:
        words: rows and tags of the training sentences.
        columns: what is read of a word; None to choose it.
        pooling: how the rows were pooled, which the head keeps.
        seed: of the samples.
        say: called with what is being done.
        limit: of the comparison of layers; None for none.

    Examples:
        >>> from headstart.decode.spans import TagSet
        >>> from headstart.types import Block
        >>> codes, offsets = np.array([0, 1, 0, 1, 2, 0] * 4), np.arange(0, 25, 3)
        >>> rows = np.eye(3)[codes] + np.random.default_rng(0).normal(0, 0.1, (24, 3))
        >>> words = LabelledWords(rows, offsets, (Block("a", 3),), codes, np.arange(8), TagSet(("PER",)))
        >>> solved = solve_words(words)
        >>> solved.left_out, solved.head.blocks, sorted(solved.record)[:6]
        (1.0, ('a',), ['decodings', 'delta', 'features', 'head', 'kappa', 'lambda'])
    """
    layers: list[dict[str, Any]] = []
    if columns is None:
        columns, layers = choose_columns(words, seed=seed, say=say, limit=limit)
    say(f"solving on {columns.name}")
    solved = SolvedWords.of(words, columns)
    judged = _sample(words, MOST_JUDGED, seed)
    part = words.chunk(judged)
    counts = TagCounts.of(words.tags, words.codes, words.offsets)
    steps, apart = counts.log_probabilities(), _counts_apart(words, judged)
    judge = JudgedWords(words.tags, words.codes[part.words], part.offsets, counts.shares(), *steps, apart)
    found = list(solved.left_out(solved.lambdas.tolist(), judged))
    say("choosing λ and the decoding")
    f1 = [judge.f1(one.scores) for one in found]
    chosen = found[int(np.argmax(f1))]
    decoding, value, tried = judge.choose(chosen.scores)
    sums = WordSums(solved.moments, counts, WordChoices(chosen.kind, chosen.lam, decoding))
    head = WordsHead(
        words.tags.labels, columns.blocks, **sums.arrays(solved.fit), context=columns.context, pooling=pooling,
        scheme=words.tags.scheme,
    )  # fmt: skip
    record = {
        "features": columns.name, "head": chosen.kind, "lambda": chosen.lam, "kappa": decoding.kappa,
        "delta": decoding.delta, "temperature": decoding.temperature, "layers": layers, "decodings": tried,
        "penalties": [
            {"head": one.kind, "lambda": one.lam, "span_f1": own} for one, own in zip(found, f1, strict=True)
        ],
    }  # fmt: skip
    return SolvedHead(head, value, record, columns, chosen.lam, sums)


def _counts_apart(words: LabelledWords, judged: NDArray[np.int64]) -> tuple[CountsApart, ...]:
    """The judged sentences in parts of complete groups, each with the counts of all sentences that are not in it."""
    codes = group_codes(words.groups, len(words))[judged]
    part_of = np.unique(codes, return_inverse=True)[1] % COUNTED_APART
    inner = words.chunk(judged).offsets
    found = []
    for number in np.unique(part_of):
        own = np.flatnonzero(part_of == number)
        rest = words.chunk(np.setdiff1d(np.arange(len(words)), judged[own]))
        tags = words.codes[rest.words]
        lengths = np.diff(inner)[own]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(inner[:-1][own] - offsets[:-1], lengths) + np.arange(offsets[-1])
        counts = shares_of(words.tags, tags), *transitions(words.tags, tags, rest.offsets)
        found.append(CountsApart(places, offsets, *counts))
    return tuple(found)


def choose_columns(
    words: LabelledWords, *, seed: int = 0, say: Say = lambda _: None, limit: TimeLimit | None = None
) -> tuple[Columns, list[dict[str, Any]]]:
    """Which blocks are read, and how many words on each side: those with the largest left-out span F1 on a sample.

    Args:
        words: rows and tags of the training sentences.
        seed: of the sample.
        say: called with what is being done.
        limit: of the comparison; of a body that is compared too late only the last block is measured. None for none.

    Returns:
        The choice, and every candidate with its F1.

    Examples:
        >>> from headstart.decode.spans import TagSet
        >>> from headstart.types import Block
        >>> codes, offsets = np.array([0, 1, 0, 1, 2, 0] * 4), np.arange(0, 25, 3)
        >>> rows = np.concatenate([np.zeros((24, 3)), np.eye(3)[codes]], axis=1)
        >>> blocks = (Block("nothing", 3), Block("tags", 3))
        >>> words = LabelledWords(rows, offsets, blocks, codes, np.arange(8), TagSet(("PER",)))
        >>> choose_columns(words)[0]
        Columns(blocks=('tags',), context=0)
    """
    limit = limit or TimeLimit()
    names = [block.name for block in words.blocks if not block.numbers]
    sample = _sample(words, MOST_SAMPLED, seed)
    small = words if len(sample) == len(words) else words.take(sample)
    tried: dict[Columns, tuple[float, float]] = {}  # span F1, and minus the log-loss, which decides between equals

    def measure(candidates: Sequence[Columns]) -> Columns:
        """Measure those that are not too wide; return the best of all so far."""
        for columns in candidates:
            if tried and (columns in tried or words.width(columns) > MOST_COLUMNS):
                continue
            if not tried or not limit.stops():
                say(f"comparing layers: {columns.name}")
                tried[columns] = _left_out_f1(small, columns)
        return max(tried, key=lambda columns: tried[columns])

    measure([Columns((name,)) for name in reversed(names)])  # the last block, in case that the time ends with it
    ranked = sorted(names, key=lambda name: tried.get(Columns((name,)), NOTHING), reverse=True)
    # where no block shows a span alone, each may show it in the rows beside it
    hopeful = ranked[:MOST_NEAR] if any(f1 for f1, _ in tried.values()) else ranked
    single = measure([Columns((name,), context) for name in hopeful for context in CONTEXTS])
    alone = [Columns(some) for some in _sets(names, [*single.blocks, *(n for n in ranked if n not in single.blocks)])]
    if tried[single][0] < 1:
        measure(alone)  # without neighbours, where it takes a tenth of the time
    first = replace(single, context=0)
    best = max([first, *alone], key=lambda columns: tried.get(columns, NOTHING))
    near = single.context
    table = [{"features": one.name, "span_f1": f1} for one, (f1, _) in tried.items()]
    wide = replace(best, context=near)
    # with fewer words than numbers of a word, further blocks add noise and most of the time
    most = min(MOST_COLUMNS, len(words.rows))
    return (wide if words.width(wide) <= most else single), table


def _sets(names: Sequence[str], ranked: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of two and three blocks: the best one with blocks that are two steps away, and the best ones together."""
    first = names.index(ranked[0])
    around = [tuple(names[k] for k in (first - 2, first, first + 2) if 0 <= k < len(names))]
    spread = [tuple(names[k] for k in (first, min(first + 2, len(names) - 1)))]
    top = [tuple(name for name in names if name in ranked[:3])]
    return list(dict.fromkeys(some for some in (*spread, *around, *top) if len(set(some)) > 1))


def _left_out_f1(words: LabelledWords, columns: Columns) -> tuple[float, float]:
    """The largest span F1 of left-out sentences over kinds and a few λ, and minus the log-loss of that fit."""
    solved = SolvedWords.of(words, columns)
    sentences = np.arange(len(words))
    lambdas = [float(share * solved.spectrum.weight) for share in FEW_LAMBDAS]
    found = solved.left_out(lambdas, sentences)
    steps, shares = transitions(words.tags, words.codes, words.offsets), shares_of(words.tags, words.codes)
    judge = JudgedWords(words.tags, words.codes, words.offsets, shares, *steps)
    f1, scores = max(((judge.f1(one.scores), one.scores) for one in found), key=lambda pair: pair[0])
    return f1, -judge.loss(scores)


def _sample(words: LabelledWords, most: int, seed: int) -> NDArray[np.int64]:
    """Ascending positions of the sentences of complete groups, about ``most`` of them, drawn at random."""
    if len(words) <= most:
        return np.arange(len(words))
    codes = group_codes(words.groups, len(words))  # of a part, some groups are missing
    sizes = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(sizes))
    chosen = order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))]
    return np.flatnonzero(np.isin(codes, chosen))
