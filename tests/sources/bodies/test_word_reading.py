"""Windows of complete words, and the window in which a word is most central."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.sources.bodies.word_reading import place_words, word_windows

COUNTS = st.lists(st.integers(1, 9), max_size=40)


@given(COUNTS, st.integers(2, 12))
def test_windows_hold_complete_words_and_cover_all_of_them(counts, room):
    windows = word_windows(counts, room)
    assert sorted({word for a, b in windows for word in range(a, b)}) == list(range(len(counts)))
    for a, b in windows:
        assert a < b
        assert sum(min(count, room) for count in counts[a:b]) <= room
    assert [a for a, _ in windows] == sorted({a for a, _ in windows})


@given(COUNTS, st.integers(2, 12))
def test_every_word_is_placed_in_one_window_with_all_its_tokens(counts, room):
    windows = word_windows(counts, room)
    for word, (window, begin, end) in enumerate(place_words(counts, windows, room).tolist()):
        start, stop = windows[window]
        assert start <= word < stop
        assert begin == sum(min(count, room) for count in counts[start:word])
        assert end - begin == min(counts[word], room)


def test_a_word_is_taken_where_it_is_most_central():
    windows = word_windows([1] * 12, 6)
    assert windows == [(0, 6), (3, 9), (6, 12)]
    assert place_words([1] * 12, windows, 6)[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
