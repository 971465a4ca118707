"""Plots for notebooks show what the record holds, on the caller's axes or on new ones that pyplot does not know."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest

import headstart
from headstart.errors import MissingExtraError, ParameterError, UsageError
from headstart.evaluate.diagrams import diagrams
from headstart.report.content.example import CURVE, EXAMPLE
from headstart.report.figures import canvas
from headstart.report.plots import Plots
from headstart.types import Task

PROFILE = {
    "metric": "accuracy",
    "blocks": [{"block": "stem", "merit": 0.7, "loss": 0.6}, {"block": "last", "merit": 0.9, "loss": 0.3}],
}
HOSTILE = ["$\\frac{1}{0}$ $", "</svg><script>", "a_b^c\\", "\u202eabc\x1b[31m", "x" * 500]


def binary_record(labels=("no", "yes")):
    task = Task("classification", tuple(labels))
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
    per_class = dict(zip(labels, EXAMPLE["evaluation"]["per_class"].values(), strict=True))
    return {
        **EXAMPLE,
        "task": {**EXAMPLE["task"], "labels": list(labels)},
        "evaluation": {**EXAMPLE["evaluation"], "labels": list(labels), "per_class": per_class},
        "diagrams": diagrams(task, y, np.stack([1 - p, p], axis=1)),
        "learning_curve": CURVE,
        "profile": PROFILE,
        "subgroups": {
            "measure": "accuracy",
            "groups": 2,
            "rows": [
                {"group": "ann", "items": 5, "value": 0.6, "low": 0.2, "high": 0.9},
                {"group": "bob", "items": 7, "value": 0.9, "low": 0.5, "high": 1.0},
            ],
        },
    }


def regression_record(regression):
    task = Task("regression", ("size", "price"))
    y = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0]])
    return regression | {"diagrams": diagrams(task, y, y + np.array([[0.5, -1.0], [0.0, 0.0], [0.25, 4.0]]))}


def draw(ax):
    """Render the figure, so that what only fails when it is drawn fails here."""
    ax.figure.savefig("plot.png", dpi=40)
    return ax


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_available_plot_draws_and_returns_the_axes_that_were_given():
    from matplotlib.figure import Figure

    plots = Plots(binary_record())
    assert plots.available == (
        "confusion", "reliability", "risk_coverage", "roc", "precision_recall", "learning_curve", "transfer_gain",
        "profile", "classes", "groups",
    )  # fmt: skip
    for name in plots.available:
        given = Figure().add_subplot()
        assert getattr(plots, name)(given) is given
        draw(given)
        assert given.get_title(), name
        draw(getattr(plots, name)())


def test_a_plot_leaves_the_global_state_of_pyplot_alone():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    Plots(EXAMPLE).confusion()
    assert plt.get_fignums() == before


def test_in_a_notebook_pyplot_knows_the_figure_so_that_it_shows_below_the_cell(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(canvas, "in_notebook", lambda: True)
    ax = Plots(EXAMPLE).confusion()
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


def test_points_and_lines_are_those_of_the_record():
    record = binary_record()
    plots = Plots(record)
    roc = plots.roc().lines[1].get_xydata()
    assert roc[0].tolist() == [0.0, 0.0]
    points = record["diagrams"]["binary"]["points"]
    assert roc[1:-1] == pytest.approx(np.array([(1 - one["specificity"], one["sensitivity"]) for one in points]))
    recall = plots.precision_recall().lines[1].get_xydata()
    assert recall[1:] == pytest.approx(np.array([(one["sensitivity"], one["precision"]) for one in points]))
    risk = plots.risk_coverage().lines[0].get_xydata()
    wanted = [(one["coverage"], one["risk"]) for one in record["diagrams"]["risk_coverage"]["points"]]
    assert risk == pytest.approx(np.array(wanted))
    bins = plots.reliability().collections[-1].get_offsets()
    wanted = [(one["confidence"], one["share"]) for one in record["diagrams"]["reliability"]]
    assert np.asarray(bins) == pytest.approx(np.array(wanted))
    widths = [patch.get_width() for patch in plots.transfer_gain().patches]
    assert widths == [0.833, 0.5]
    assert plots.profile().lines[0].get_ydata().tolist() == [0.7, 0.9]
    curve = plots.learning_curve()
    assert curve.lines[0].get_ydata()[-1] == pytest.approx(1 - CURVE["errors"][-1])
    assert curve.lines[1].get_xdata()[0] == pytest.approx(CURVE["sizes"][-1])


def test_classes_stand_with_their_intervals_the_worst_first():
    plots = Plots(binary_record())
    ax = plots.classes()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["no (6)", "yes (6)"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0.4, 1.0], [0.5, 1.0]]
    assert ax.get_ylim() == (1.5, -0.5)
    with pytest.raises(ParameterError, match="metric"):
        plots.classes(metric="auc")


def test_a_regression_shows_values_and_residuals_of_each_target(regression):
    plots = Plots(regression_record(regression))
    assert plots.available == ("predicted", "residuals", "transfer_gain", "classes")
    ax = draw(plots.residuals(target="price"))
    assert sorted(ax.collections[0].get_offsets()[:, 1].tolist()) == [-1.0, 0.0, 4.0]
    assert ax.get_xlabel() == "predicted price"
    assert draw(plots.predicted()).get_xlabel() == "true size"
    with pytest.raises(ParameterError, match="size"):
        plots.residuals(target="sise")
    for name in ("confusion", "reliability", "risk_coverage", "roc"):
        with pytest.raises(UsageError, match="regression"):
            getattr(plots, name)()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reliability", "There is no reliability diagram: the record is older than these diagrams"),
        ("learning_curve", "There is no learning curve: the fit had too few items, or too little time."),
        ("profile", "There is no transfer profile: the source has no blocks that can be compared."),
        ("residuals", "There is no plot of values: the task is classification, not regression."),
        ("groups", "name the column of groups"),
    ],
)
def test_what_the_record_lacks_is_one_sentence(name, words):
    with pytest.raises(UsageError) as error:
        getattr(Plots(EXAMPLE), name)()
    assert words in str(error.value)


def test_an_evaluation_says_that_its_fit_has_the_gain():
    plots = Plots({key: value for key, value in EXAMPLE.items() if key != "baselines"})
    with pytest.raises(UsageError, match="an evaluation compares no baselines"):
        plots.transfer_gain()


def test_without_matplotlib_one_sentence_gives_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[plot\]'"):
        Plots(EXAMPLE).confusion()


def test_hostile_labels_are_drawn_as_they_are_and_run_no_mathematics(many_classes):
    record = copy.deepcopy(dict(many_classes))
    labels = HOSTILE + [f"class {k}" for k in range(len(HOSTILE), 12)]
    record["evaluation"]["labels"] = labels
    record["evaluation"]["confusion"] = (np.eye(12, dtype=int) * 2 + np.eye(12, k=1, dtype=int)).tolist()
    record["evaluation"]["per_class"] = dict.fromkeys(
        labels, next(iter(many_classes["evaluation"]["per_class"].values()))
    )
    plots = Plots(record)
    names = [text.get_text() for text in draw(plots.confusion()).get_yticklabels()]
    assert names[:3] == HOSTILE[:3]
    assert all(name.isprintable() and len(name) <= 28 for name in names)
    draw(plots.classes())
    pair = binary_record(HOSTILE[:2])
    pair["diagrams"]["binary"]["positive"] = HOSTILE[0]
    assert HOSTILE[0] in draw(Plots(pair).roc()).get_title()


def test_many_classes_are_a_map_without_numbers(many_classes):
    ax = draw(Plots(many_classes).confusion())
    assert len(ax.texts) == 0
    assert ax.get_xticks().size == 0
    rows = draw(Plots(many_classes).classes())
    assert rows.get_title() == "Class by class, the worst first; 110 are not shown"
    assert rows.get_yticklabels()[0].get_text() == "class 007 (3)"


def test_undefined_figures_are_left_out(nothing_known):
    plots = Plots(nothing_known)
    for name in plots.available:
        draw(getattr(plots, name)())


def test_names_in_a_script_without_a_font_become_their_numbers_and_this_is_said(monkeypatch):
    monkeypatch.setattr(canvas, "FONTS", ())
    with pytest.warns(UserWarning, match="No installed font has the characters of '退货'"):
        assert canvas.shown_names(["ant", "退货"]) == ["ant", "#2"]


def test_a_font_with_the_characters_of_the_labels_is_taken(monkeypatch):
    own = canvas._characters_of
    monkeypatch.setattr(canvas, "FONTS", ("Other", "Noto Sans CJK SC"))
    fonts = {"Other": frozenset("x"), "Noto Sans CJK SC": frozenset("退货")}
    monkeypatch.setattr(canvas, "_characters_of", lambda name: fonts[name] if name in fonts else own(name))
    assert canvas.shown_names(["退货"]) == ["退货"]
    assert canvas.text_options(["ant", "退货"])["fontfamily"][-1] == "Noto Sans CJK SC"
    assert "Other" not in canvas.text_options(["退货"])["fontfamily"]


@pytest.mark.parametrize("background", ["#ffffff", "#000000"])
@pytest.mark.parametrize("colour", [canvas.MODEL, canvas.WRONG, canvas.OTHER])
def test_colours_stand_out_on_light_and_dark_backgrounds(background, colour):
    from matplotlib.colors import to_rgb

    def luminance(name):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(name)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(background), luminance(colour)))
    assert (high + 0.05) / (low + 0.05) > 3  # WCAG 2.1, graphical objects


def test_the_style_of_the_user_gives_the_colour_of_the_text():
    import matplotlib as mpl

    with mpl.rc_context({"text.color": "white"}):
        assert {text.get_color() for text in Plots(EXAMPLE).confusion().texts} == {"white"}


def test_plots_of_a_run_and_of_its_folder_are_the_same(tmp_path):
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 12, axis=0) + np.arange(48).reshape(24, 2) / 100
    run = headstart.fit((rows, ["left"] * 12 + ["right"] * 12), out=tmp_path / "run", verbose=False)
    found, read = run.plot, Plots.read(tmp_path / "run")
    assert found.available == read.available
    assert {"confusion", "reliability", "risk_coverage", "roc", "transfer_gain", "classes"} <= set(found.available)
    for name in found.available:
        assert getattr(found, name)().get_title() == draw(getattr(read, name)()).get_title()
    judged = headstart.evaluate(run, (rows + 0.001, ["left"] * 12 + ["right"] * 12), verbose=False)
    assert judged.plot.confusion().get_title() == "0 of 24 items are classified wrongly"
