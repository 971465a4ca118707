"""Kind: a damaged store. A mapped file would end the process by a signal, at this run and at every later one."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.engine.cache.features import FeatureStore


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
            assert all("replaced by a new one" in note or "damaged and computed again" in note for note in one.notes)
        with FeatureStore(folder) as one:
            found, got = one.get(keys(*some))
            assert found.mean() > 0.9
            assert np.array_equal(got, whole[found])


def test_a_row_with_another_bit_is_said_and_written_again(tmp_path):
    whole = rows(*range(40), width=3000)
    with FeatureStore(tmp_path) as one:
        one.put(keys(*range(40)), whole)
    raw = bytearray((tmp_path / "data.mdb").read_bytes())
    raw[raw.index(whole[7].tobytes()[100:200]) + 50] ^= 1
    (tmp_path / "data.mdb").write_bytes(raw)
    with FeatureStore(tmp_path) as one:
        found, _ = one.get(keys(*range(40)))
        assert np.flatnonzero(~found).tolist() == [7]
        one.put(keys(7), whole[7:8])
        (note,) = one.notes
        assert note == f"In the feature store '{tmp_path.name}' 1 row was damaged and computed again."
    with FeatureStore(tmp_path) as one:
        assert one.get(keys(*range(40)))[0].all()
        assert one.notes == []


@pytest.mark.parametrize("other", [np.ones((1, 5), np.float32), np.ones((1, 4)), [np.ones((2, 4), np.float32)]])
def test_rows_of_several_forms_are_no_store_of_one_body(tmp_path, other):
    """They were left out and never written again, so that they were computed at each run without a word."""
    with FeatureStore(tmp_path) as one:
        one.put(keys(1), rows(1, width=4))
        one.put(keys(2), other)
        found, _ = one.get(keys(1, 2))
        assert not found.any()
        one.put(keys(1, 2), rows(1, 2, width=4))
        assert one.get(keys(1, 2))[0].all()
        (note,) = one.notes
        assert "replaced by a new one" in note


def test_rows_of_several_forms_are_told_over_several_transactions(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.engine.cache.features.WINDOW", 1)
    with FeatureStore(tmp_path) as one:
        one.put(keys(1), rows(1, width=4))
        one.put(keys(2), rows(2, width=5))
        assert not one.get(keys(1, 2))[0].any()
        assert "replaced by a new one" in one.notes[0]
