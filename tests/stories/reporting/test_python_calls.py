"""A call from Python says what the command says, unless ``verbose=False``; results show themselves in a few lines."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

import headstart
from headstart.data import audit, read
from headstart.reporting import ConsoleReporter, SilentReporter, chosen_reporter
from headstart.reporting import terminal as terminal_module
from headstart.types import Dataset

NASTY = "\x1b[31m<b>\nlow"
ROWS = np.repeat([[0.0, 1.0], [1.0, 0.0]], 12, axis=0) + np.arange(48).reshape(24, 2) / 100
LABELS = [NASTY] * 12 + ["high"] * 12
TEXTS = ["good film", "lovely day", "bad film", "awful day"] * 5
MOODS = ["good", "good", "bad", "bad"] * 5


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return headstart.fit((ROWS, LABELS), out=tmp_path_factory.mktemp("runs") / "rows", verbose=False)


def test_fit_says_on_standard_error_what_the_command_says(tmp_path, capsys):
    headstart.fit((ROWS, LABELS), out=tmp_path / "rows")
    out, err = capsys.readouterr()
    assert out == ""
    labels = [line[:18].strip() for line in err.splitlines()]
    steps = ["data", "audit", "source", "head", "judged by", "accuracy", "saved"]
    assert [name for name in dict.fromkeys(labels) if name in steps] == steps
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "call",
    [
        lambda **how: headstart.fit((ROWS, LABELS), baselines="none", **how),
        lambda **how: headstart.rank((TEXTS, MOODS), ["toy"], untrained=False, **how),
        lambda **how: headstart.zero_shot(["parcel", "money"], source="toy", **how),
        lambda **how: headstart.audit_labels((ROWS, LABELS), **how),
        lambda **how: headstart.fit_tasks(
            {"x": np.arange(40.0), "a": ["u", "v"] * 20, "b": np.arange(40.0) * 2}, ["a", "b"], baselines="none", **how
        ),
    ],
    ids=["fit", "rank", "zero_shot", "audit_labels", "fit_tasks"],
)
def test_verbose_false_is_silence(call, capsys):
    call()
    assert capsys.readouterr().err != ""
    call(verbose=False)
    assert capsys.readouterr() == ("", "")


def test_a_given_reporter_is_the_one_that_hears(capsys):
    reporter = SilentReporter()
    assert chosen_reporter(reporter, verbose=True) is reporter
    assert isinstance(chosen_reporter(None, verbose=False), SilentReporter)


def test_a_notebook_shows_lines_below_its_cell(monkeypatch):
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", type("IPython", (), {"get_ipython": staticmethod(lambda: shell)}))
    assert terminal_module.in_notebook()
    reporter = chosen_reporter(None, verbose=True)
    assert isinstance(reporter, ConsoleReporter)
    assert reporter.stream is sys.stdout


def test_estimators_are_silent(capsys):
    headstart.TransferClassifier(source="vector").fit(ROWS, LABELS)
    assert capsys.readouterr() == ("", "")


def results(run):
    ranking = headstart.rank((TEXTS, MOODS), ["toy", "headstart:text"], untrained=False, verbose=False)
    suspects = headstart.audit_labels((ROWS, [*LABELS[:-1], NASTY]), verbose=False)
    checked = audit(Dataset(["hi there", "", "Hi there!"], ("0", "1", "2"), "text"))
    return {
        "Run": run, "TransferModel": run.model, "Evaluation": run.evaluation, "Audit": checked, "Ranking": ranking,
        "LabelAudit": suspects,
    }  # fmt: skip


def test_results_show_themselves_in_a_few_harmless_lines(run):
    for name, result in results(run).items():
        text, page = repr(result), result._repr_html_()
        assert text.startswith(name), text
        assert 2 <= len(text.splitlines()) <= 25
        assert max(map(len, text.splitlines())) <= 100
        assert all(line.isprintable() for line in text.splitlines())
        assert page.startswith("<style>table.headstart{")
        assert page.count("<table") == page.count("</table>") == 1
        assert len(page) < 20_000
        assert not re.search(r"<(b|script|img|svg|iframe|link)\b|https?:|url\(|@import|\son\w+=", page)
        assert "\x1b" not in page


def test_the_text_of_a_run_has_the_metric_the_source_and_the_folder(run):
    text = repr(run)
    assert text.splitlines()[0].startswith("Run: accuracy 1.000 [")
    for said in ("vector", "cross-validation", "baseline", "majority", str(run.path)):
        assert said in text


def test_audits_and_long_data_are_cut():
    data = read(([f"text {i}" for i in range(60)], ["yes", "no"] * 30))
    assert len(repr(audit(data)).splitlines()) <= 12
