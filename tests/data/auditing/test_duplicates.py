"""Near duplicates: what is found, and what must not be."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from headstart.data.auditing.duplicates import (
    band_pairs,
    chain_pairs,
    fold_text,
    join_pairs,
    near_sketches,
    near_texts,
)
from headstart.data.auditing.sketches import sketch_audio, sketch_image


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=30))
def test_band_pairs_are_those_that_agree(rows):
    keys = np.array(rows)
    count = len(keys)
    expected = [[i, j] for i in range(count) for j in range(i + 1, count) if (keys[i] == keys[j]).any()]
    assert band_pairs(keys).tolist() == expected


def test_large_bands_stay_linear_and_connected():
    pairs = band_pairs(np.zeros((5000, 2), dtype=int))
    assert len(pairs) < 65 * 5000
    assert join_pairs(5000, pairs).max() == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_chains_join_equal_codes(codes):
    joined = join_pairs(len(codes), chain_pairs(np.array(codes)))
    same = np.array(codes)[:, None] == np.array(codes)
    assert ((joined[:, None] == joined) == same).all()


def saved(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("change", ["quality", "size", "light", "format"])
def test_copies_of_a_picture_are_found(picture, change):
    one = picture(1, (300, 240))
    copy = {
        "quality": saved(one, quality=30),
        "size": saved(one.resize((150, 120))),
        "light": saved(one.point(lambda level: int(level * 0.85))),
        "format": one,
    }[change]
    found = [sketch_image(item) for item in (saved(one, quality=95), picture(2, (300, 240)), copy)]
    assert near_sketches(found, 0.05).tolist() == [[0, 2]]


def test_plain_pictures_are_not_paired():
    rng = np.random.default_rng(0)
    dark = [sketch_image(rng.integers(0, 4, (64, 64), dtype=np.uint8)) for _ in range(10)]
    light = [sketch_image(np.full((64, 64), 250 - index, np.uint8)) for index in range(5)]
    assert len(near_sketches([*dark, *light], 0.05)) == 0


def test_another_aspect_is_another_picture(picture):
    one = picture(1, (300, 240))
    assert len(near_sketches([sketch_image(one), sketch_image(one.resize((300, 120)))], 0.05)) == 0


def test_different_pictures_are_not_paired(picture):
    assert len(near_sketches([sketch_image(picture(seed)) for seed in range(300)], 0.05)) == 0


def syllables(seed, rate=8000):
    rng = np.random.default_rng(seed)
    time = np.arange(rate) / rate
    parts = [rng.uniform(0.1, 1) * np.sin(2 * np.pi * rng.uniform(100, 3000) * time[:1000]) for _ in range(8)]
    return np.concatenate(parts).astype(np.float32)


def test_copies_of_a_sound_are_found():
    one = syllables(0)
    noisy = one * 0.5 + np.random.default_rng(1).normal(0, 1e-3, len(one)).astype(np.float32)
    found = [sketch_audio((samples, 8000)) for samples in (one, syllables(1), noisy, one[:6000])]
    assert near_sketches(found, 0.02).tolist() == [[0, 2]]


def test_silence_and_different_sounds_are_not_paired():
    silence = [sketch_audio((np.full(8000, 1e-5 * index), 8000)) for index in range(3)]
    others = [sketch_audio((syllables(seed), 8000)) for seed in range(100)]
    assert len(near_sketches([*silence, *others], 0.02)) == 0


def test_normalised_texts():
    assert fold_text("\uff37here's  my card?") == fold_text("wheres my card")
    assert fold_text("c++") != fold_text("c#")
    assert fold_text("?!") == "?!"


def jaccard(one, two):
    first, second = ({text[i : i + 4] for i in range(len(text) - 3)} for text in (one, two))
    return len(first & second) / len(first | second)


def test_near_texts_are_those_of_a_full_search():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(200)]
    texts = [" ".join(rng.choice(words, 30)) for _ in range(60)]
    texts += [text[:-1] + "z" for text in texts[:20]] + [text.replace(text.split()[3], "x") for text in texts[20:40]]
    texts += ["short", "short"]
    expected = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if len(texts[i]) >= 12 and len(texts[j]) >= 12 and jaccard(texts[i], texts[j]) >= 0.9
    }
    assert len(expected) >= 20
    assert set(map(tuple, near_texts(texts).tolist())) == expected


def test_chunks_of_texts_do_not_matter(monkeypatch):
    texts = [f"{index % 7} {'lorem ipsum dolor sit amet ' * 4}{index}" for index in range(40)]
    whole = near_texts(texts)
    monkeypatch.setattr("headstart.data.auditing.duplicates.CHUNK_CHARACTERS", 300)
    assert near_texts(texts).tolist() == whole.tolist()
    assert len(whole)


def test_a_grey_and_an_rgb_copy_have_one_hash(picture):
    one = picture(3)
    assert (sketch_image(one).bits == sketch_image(one.convert("L")).bits).all()
    assert isinstance(one, Image.Image)
