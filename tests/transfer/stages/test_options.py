"""Options of a fit that would be ignored beside others are refused before any work."""

from __future__ import annotations

import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, ParameterError
from headstart.sources.toy import ToySource

pytestmark = pytest.mark.usefixtures("three_folds")

TEXTS = (["good film", "bad film"] * 6, ["good", "bad"] * 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "toy", "fusion": "concat"}, "Got one, 'toy'"),
        ({"source": "auto", "fusion": "stack"}, "takes the first one of its ranking"),
        ({"source": ["toy", ToySource(1)], "fusion": "attention", "heads": ("svm",)}, "a head of its own"),
        ({"source": ["toy", ToySource(1)], "fusion": "stack", "heads": ("auto",)}, "a head of its own"),
        ({"source": ["toy", ToySource(1)], "layers": "best"}, "must be one of auto, last, all"),
        ({"source": ["toy", ToySource(1)], "layers": "last", "fusion": "banded"}, "must be one of auto, all"),
        ({"source": "toy", "source_data": TEXTS}, "strategy that fine-tunes the body"),
        ({"source": "toy", "drop_suspects": True, "strategy": "lp_ft"}, "Suspect labels"),
        ({"source": "toy", "label_text": "names", "heads": ("knn",)}, "closed-form"),
        ({"source": "toy", "heads": ("attention",)}, "several sources"),
    ],
)
def test_what_would_be_ignored_is_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        headstart.fit(TEXTS, baselines="none", **options)


def test_a_strategy_that_replays_the_source_is_refused_without_source_data_before_anything_is_read(tmp_path, capsys):
    """Kind: a bad option that is found only after the work."""
    with pytest.raises(DataError, match=r"'joint' also needs items of the source task, and none were given"):
        headstart.fit(tmp_path / "none.csv", strategy="joint")
    assert main(["fit", str(tmp_path / "none.csv"), "--strategy", "joint"]) == 2
    assert "--source-data PATH" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--head", "svm"], ["--strategy", "auto"], ["--group-col", "who"], ["--time-limit", "9s"]]
)
def test_zero_shot_refuses_what_needs_items(option, capsys):
    assert main(["fit", "--zero-shot", "good,bad", "--source", "toy", *option]) == 2
    assert f"{option[0]} has no effect" in capsys.readouterr().err


def test_several_tasks_refuse_a_strategy(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("text,one,two\n")
    assert main(["fit", str(tmp_path / "a.csv"), "--tasks", "one,two", "--strategy", "lp_ft"]) == 2
    assert "--tasks fits heads" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["item", "group_col", "time_col", "label"])
def test_columns_of_what_has_none_are_refused(named):
    """Kind: an argument of a fit that is silently disobeyed."""
    for items in ([[float(k), 1.0] for k in range(12)], TEXTS[0]):
        with pytest.raises(DataError, match=r"no columns|leave one out"):
            headstart.fit((items, TEXTS[1]), source=None, baselines="none", **{named: "who"})
