"""The speed of a source that is kept for the next estimate."""

from __future__ import annotations

from headstart.transfer.ranking.speed import Speed, keep_speed, kept_speed
from headstart.types import SourceInfo


def test_a_speed_is_kept_until_one_of_more_items(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    info = SourceInfo("a", "text")
    for speed in (Speed(5.0, 100, "x"), Speed(9.0, 20, "x")):
        keep_speed(info, "auto", speed)
    assert kept_speed(info, "auto") == Speed(5.0, 100, "x")
    keep_speed(info, "auto", Speed(7.0, 400, "x"))
    assert kept_speed(info, "auto").items_per_second == 7.0
    assert kept_speed(info, "torch") is None
