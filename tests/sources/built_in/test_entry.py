"""Every source of the install has a card, a licence and facts that need no weights."""

import pytest

from headstart.cli.main import main
from headstart.sources import card_of, describe
from headstart.sources.embedded import BUILT_IN


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_card_licence_and_facts_come_with_headstart(name):
    entry, info = BUILT_IN[name], describe(f"headstart:{name}")
    assert info.name == f"headstart:{name}"
    assert info.license
    assert info.sha256
    assert info.parameters
    card = card_of(f"headstart:{name}")
    assert card.startswith(f"# headstart:{name}\n")
    assert "## Limits" in card
    assert entry.extra is None or (entry.folder / "LICENSE").stat().st_size > 500


def test_sources_show_prints_the_card(capsys):
    assert main(["sources", "show", "headstart:text"]) == 0
    shown = capsys.readouterr().out
    assert "## Limits" in shown
    assert "22565376" in shown
