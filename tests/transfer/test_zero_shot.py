"""Zero-shot models without a named source."""

from __future__ import annotations

from dataclasses import replace

from headstart.engine.options import Engine
from headstart.sources.embedded import BUILT_IN
from headstart.transfer.zero_shot import zero_shot

LABELS = ["the parcel has not arrived", "the customer wants the money back"]


def test_the_default_source_is_opened_once(monkeypatch):
    """Kind: the default was opened to read the class texts, and then once more to encode them."""
    plain, opened = BUILT_IN["text"], []

    def counted():
        opened.append(plain.open())
        return opened[-1]

    monkeypatch.setitem(BUILT_IN._entries, "text", replace(plain, open=counted))
    model = zero_shot(LABELS, engine=Engine(cache=False), verbose=False)
    assert model.source.info.name == "headstart:text"
    assert [model.source] == opened
