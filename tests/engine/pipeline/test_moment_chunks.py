"""The items of a chunk of moments."""

import pytest

from headstart.engine.pipeline.moment_chunks import split_items


@pytest.mark.parametrize("count", [1, 31, 33, 2048, 2049, 10**6])
def test_chunks_cover_every_item_once(count):
    chunks = split_items(count)
    assert [k for chunk in chunks for k in chunk] == list(range(count))
    assert max(map(len, chunks)) <= 4096
    assert len(chunks) >= min(64, count // 32)
