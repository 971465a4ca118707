"""Kind: a damaged store. A mapped file would end the process by a signal, at this run and at every later one."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.engine.store import FeatureStore


def keys(*items: int) -> list[bytes]:
    return [item.to_bytes(16, "little") for item in items]


def rows(*items: int, width: int) -> np.ndarray:
    return np.stack([np.random.default_rng(item).normal(size=width) for item in items]).astype(np.float32)


def damaged(raw: bytes, seed: int) -> bytes:
    """A byte, some bytes, page headers, the file's header, a cut, or a page of noise."""
    rng, out, page = np.random.default_rng(seed), bytearray(raw), 8192
    kind = seed % 6
    places = {
        0: [rng.integers(len(out))], 1: rng.integers(len(out), size=20), 3: [rng.integers(100)],
        2: rng.integers(len(out) // page, size=8) * page + rng.integers(64, size=8),
    }  # fmt: skip
    for place in places.get(kind, ()):
        out[int(place)] ^= int(rng.integers(1, 256))
    if kind == 4:
        return bytes(out[: int(rng.integers(len(out)))])
    if kind == 5:
        begin = int(rng.integers(len(out) // page)) * page
        out[begin : begin + page] = rng.bytes(page)
    return bytes(out)


@pytest.mark.parametrize("width", [64, 3000])
def test_no_damage_ends_the_process_or_gives_a_wrong_row(tmp_path, width):
    some = range(200 if width < 100 else 20)
    whole = rows(*some, width=width)
    with FeatureStore(tmp_path / "base") as one:
        for begin in range(0, len(whole), 50):
            one.put(keys(*some)[begin : begin + 50], whole[begin : begin + 50])
    raw = (tmp_path / "base" / "data.mdb").read_bytes()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "data.mdb").write_bytes(damaged(raw, seed))
        with FeatureStore(folder) as one:
            for _ in range(2):
                found, got = one.get(keys(*some))
                assert np.array_equal(got, whole[found]) or not found.any()
                one.put(keys(*some), whole)
            assert all("begun anew" in note for note in one.notes)
        with FeatureStore(folder) as one:
            found, got = one.get(keys(*some))
            assert found.mean() > 0.9
            assert np.array_equal(got, whole[found])
