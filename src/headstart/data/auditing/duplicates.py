"""Near duplicates: candidate pairs from locality-sensitive hashing, verified pair by pair, and joined into clusters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.auditing.sketches import Sketch

__all__ = ["Pairs", "band_pairs", "chain_pairs", "fold_text", "join_pairs", "near_sketches", "near_texts"]

WINDOW = 64  # rows with which each row of a crowded bucket is paired
MAX_BITS = 7  # with 8 bands of 16 bits, any two hashes that differ in at most 7 bits agree in a band
MIN_CORRELATION = 0.98
SHINGLE = 4
MIN_JACCARD = 0.9
MIN_CHARACTERS = 12
MAX_CHARACTERS = 5000
CHUNK_CHARACTERS = 2_000_000
HASHES, ROWS = 32, 4  # MinHash functions, and how many of them make up a band

Pairs = NDArray[np.int64]


def band_pairs(keys: NDArray[Any]) -> Pairs:
    """Locality-sensitive hashing: pairs of rows that agree in at least one column are the candidates.

    Reference: Indyk & Motwani, "Approximate Nearest Neighbors: Towards Removing the Curse of Dimensionality", STOC
    1998.

    If more than 64 rows agree in a column, each is paired only with the next 64 in the order of the other columns, so
    the work stays linear in n.

    Args:
        keys: (n, bands) integers.

    Returns:
        (pairs, 2) rows i < j, each pair once, ordered.

    Examples:
        >>> band_pairs(np.array([[1, 7], [2, 7], [1, 8]])).tolist()
        [[0, 1], [0, 2]]
    """
    count, bands = keys.shape
    found = [np.empty(0, dtype=np.int64)]
    for band in range(bands):
        # Sort by this band, breaking ties by the others: rows that agree in more bands are closer together.
        others = [keys[:, (band + shift) % bands] for shift in range(bands)]
        order = np.lexsort(others[::-1])
        ranked = keys[order, band]
        for step in range(1, min(WINDOW, count - 1) + 1):
            # Equal keys are contiguous: if none are equal at this distance, none are at a larger one.
            same = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not len(same):
                break
            one, two = order[same], order[same + step]
            # Encode the pair (i, j) as i·n + j: np.unique is faster on numbers than on rows.
            found.append(np.minimum(one, two) * count + np.maximum(one, two))
    codes = np.unique(np.concatenate(found))
    return np.stack([codes // max(count, 1), codes % max(count, 1)], axis=1)


def join_pairs(count: int, *pairs: Pairs) -> NDArray[np.int64]:
    """Connected components: codes of rows that are joined by pairs.

    Args:
        count: number of rows.
        pairs: (k, 2) pairs of rows.

    Returns:
        (count,) codes; rows that are joined directly or through others share a code.

    Examples:
        >>> join_pairs(4, np.array([[0, 2], [2, 3]])).tolist()
        [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.empty(0, dtype=np.int64)
    edges = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def chain_pairs(codes: NDArray[np.int64]) -> Pairs:
    """Pairs that join each row to the next row with the same code.

    Examples:
        >>> chain_pairs(np.array([5, 7, 5, 5])).tolist()
        [[0, 2], [2, 3]]
    """
    # A chain of n - 1 pairs connects n rows as well as all n(n - 1)/2 pairs do.
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]
    return np.stack([order[:-1][same], order[1:][same]], axis=1).astype(np.int64)


def near_sketches(sketches: Sequence[Sketch], size_tolerance: float) -> Pairs:
    """Perceptual near duplicates: pairs of pictures, or of sounds, that look or sound the same.

    The sketches of a pair must agree in at least 121 of 128 hash bits, have a correlation of at least 0.98 between
    their coarse contents, and have nearly the same size. Plain pictures and silence are never paired.

    Args:
        sketches: n sketches.
        size_tolerance: how much the log sizes (see `Sketch`) may differ.

    Returns:
        (pairs, 2) rows i < j.

    Examples:
        >>> from headstart.data.auditing.sketches import sketch_image
        >>> picture = np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8).repeat(9, 0).repeat(9, 1)
        >>> near_sketches([sketch_image(picture), sketch_image(picture // 2), sketch_image(picture.T)], 0.05).tolist()
        [[0, 1]]
    """
    rows = np.array([index for index, sketch in enumerate(sketches) if not sketch.flat], dtype=np.int64)
    if len(rows) < 2:
        return np.empty((0, 2), dtype=np.int64)
    bits = np.stack([sketches[row].bits for row in rows])
    grids = np.stack([sketches[row].grid for row in rows])
    sizes = np.array([sketches[row].size for row in rows])
    pairs = band_pairs(bits)
    one, two = pairs.T
    near = np.bitwise_count(bits[one] ^ bits[two]).sum(axis=1) <= MAX_BITS
    near &= np.abs(sizes[one] - sizes[two]) <= size_tolerance
    pairs = pairs[near]
    # The grids are centred and have norm 1, so their dot product is Pearson's correlation.
    correlation = np.einsum("pd,pd->p", grids[pairs[:, 0]], grids[pairs[:, 1]])
    return np.asarray(rows[pairs[correlation >= MIN_CORRELATION]], dtype=np.int64)


def fold_text(text: str) -> str:
    """Fold a text for comparison. Case, character width, spacing and punctuation are removed.

    Examples:
        >>> fold_text("  Where IS my card?! ")
        'where is my card'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = " ".join(folded.translate(MARKS).split())
    return plain or " ".join(folded.split())


MARKS = dict.fromkeys(map(ord, ".,!?;:\"'\u2018\u2019\u201c\u201d\u2026\u3001\u3002"))


def near_texts(texts: Sequence[str]) -> Pairs:
    """MinHash near duplicates: pairs of texts whose 4-character shingles overlap by 0.9 (Jaccard) or more.

    Reference: Broder, "On the Resemblance and Containment of Documents", SEQUENCES 1997.

    Candidates come from 8 bands of 4 hashes, which miss a pair at a Jaccard index of 0.9 with probability
    (1 - 0.9^4)^8 = 0.0002; each candidate is then verified exactly. Only the first 5000 characters of a text count, and
    texts with fewer than 12 characters are never paired.

    Args:
        texts: n texts, folded by `fold_text`.

    Returns:
        (pairs, 2) rows i < j.

    Examples:
        >>> long = "the quick brown fox jumps over the lazy dog and runs away from the big bad wolf "
        >>> near_texts([long + "today", "something else entirely", long + "todaz"]).tolist()
        [[0, 2]]
    """
    rows = np.array([index for index, text in enumerate(texts) if len(text) >= MIN_CHARACTERS], dtype=np.int64)
    if len(rows) < 2:
        return np.empty((0, 2), dtype=np.int64)
    kept = [texts[row][:MAX_CHARACTERS] for row in rows]
    signatures = _minhash(kept)
    bands = signatures.reshape(len(kept), HASHES // ROWS, ROWS).astype(np.uint64)
    # Combine four hashes into one key by odd multipliers modulo 2^64; a chance collision only costs a verification.
    keys = bands @ np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    pairs = band_pairs(keys)
    agree = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
    pairs = pairs[agree >= MIN_JACCARD - 0.2]  # the estimate from 32 hashes may be 3.8 standard errors below
    shingles = {row: _shingles(kept[row]) for row in np.unique(pairs).tolist()}
    near = [_jaccard(shingles[one], shingles[two]) >= MIN_JACCARD for one, two in pairs.tolist()]
    return np.asarray(rows[pairs[np.array(near, dtype=bool)]], dtype=np.int64)


def _shingles(text: str) -> set[str]:
    return {text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)}


def _jaccard(one: set[str], two: set[str]) -> float:
    common = len(one & two)
    return common / (len(one) + len(two) - common)


def _minhash(texts: Sequence[str]) -> NDArray[np.uint32]:
    """(n, 32) MinHash signatures: for each of 32 hash functions, the smallest hash of a text's shingles."""
    # Chunks of texts with about 2 million characters bound the memory for the hashes.
    sizes = np.cumsum([len(text) for text in texts])
    chunk = sizes // CHUNK_CHARACTERS
    parts = np.split(np.arange(len(texts)), np.flatnonzero(np.diff(chunk)) + 1)
    return np.concatenate([_minhash_chunk([texts[row] for row in part]) for part in parts])


def _minhash_chunk(texts: Sequence[str]) -> NDArray[np.uint32]:
    # All texts in one array of code points, so that all shingles are hashed at once.
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    hashed = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for offset in range(SHINGLE):
        # Polynomial hash of the shingle's code points modulo 2^64, with the 64-bit FNV prime.
        hashed = hashed * np.uint64(0x100000001B3) + codes[offset : len(codes) - SHINGLE + 1 + offset]
    # The high bits are better mixed, so fold them into the low ones.
    hashed ^= hashed >> np.uint64(29)
    inside = np.ones(len(codes), dtype=bool)  # a shingle must not cross the end of its text
    for offset in range(1, SHINGLE):
        inside[ends - offset] = False
    hashed = hashed[inside[: len(hashed)]]
    # A text of m characters has m - SHINGLE + 1 shingles.
    starts = np.concatenate([[0], np.cumsum(lengths - SHINGLE + 1)[:-1]])
    # h_k(x) = (a_k x + b_k mod 2^64) >> 32 with odd a_k: 32 hash functions from one, the same in each run.
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 2**63, size=HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = rng.integers(0, 2**63, size=HASHES, dtype=np.uint64)
    signature = np.empty((len(texts), HASHES), dtype=np.uint32)
    for column in range(HASHES):
        mixed = ((hashed * factors[column] + shifts[column]) >> np.uint64(32)).astype(np.uint32)
        signature[:, column] = np.minimum.reduceat(mixed, starts)
    return signature
