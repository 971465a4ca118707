"""``predict --max-error``, ``--coverage``, ``--novel``: columns set, low, high, novel; lines; what is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest

from headstart import fit
from headstart.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    rows = rng.normal(size=(400, 4)) + 1.2 * y[:, None] * np.array([1, 1, 0, 0])
    folder = tmp_path_factory.mktemp("abstention")
    names = np.array(["no", "yes"])[y].tolist()
    fit((rows, names), baselines="none", out=folder / "run", verbose=False)
    new = rng.normal(size=(40, 4)) + 1.2 * (np.arange(40) % 2)[:, None] * np.array([1, 1, 0, 0])
    new[:4] += 20
    np.save(folder / "new.npy", new)
    with (folder / "new.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["f0", "f1", "f2", "f3"])
        writer.writerows(new.tolist())
    return folder


def predicted(run: Path, *options: str) -> tuple[int, list[dict[str, str]]]:
    out = run / "out.csv"
    out.unlink(missing_ok=True)
    code = main(["predict", str(run / "run"), str(run / "new.csv"), "--out", str(out), *options])
    if not out.exists():
        return code, []
    with out.open(newline="") as file:
        return code, list(csv.DictReader(file))


def test_unsure_answers_are_empty_and_their_column_stays(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = predicted(run, "--max-error", "0.05")
    said = capsys.readouterr()
    assert code == 0
    empty = [row for row in rows if not row["prediction"]]
    assert 0 < len(empty) < 40
    assert max(float(row["probability"]) for row in empty) <= min(
        float(row["probability"]) for row in rows if row["prediction"]
    )
    assert f"{40 - len(empty)} of 40 items" in said.err + said.out
    assert "an error of at most 5%" in said.err + said.out


def test_an_error_that_cannot_be_promised_leaves_all_empty_and_says_what_it_takes(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = predicted(run, "--max-error", "0.001", "--coverage", "0.9")
    said = capsys.readouterr()
    assert (code, {row["prediction"] for row in rows}) == (0, {""})
    assert all(row["set"] for row in rows)
    text = " ".join((said.err + said.out).split())
    assert "an error of at most 0.1% with 95% probability: that takes 2995 left-out answers without a mistake" in text
    assert "predicted 0 items of 40; 40 not answered" in text


def test_sets_hold_labels_of_the_model_and_ask_for_no_line_on_novelty(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = predicted(run, "--coverage", "0.9")
    assert code == 0
    assert {label for row in rows for label in row["set"].split("|")} == {"no", "yes"}
    assert any("|" in row["set"] for row in rows)
    assert all(row["prediction"] in row["set"].split("|") for row in rows)
    assert {row["novel"] for row in rows} == {"True", "False"}
    assert "90%" in "".join(capsys.readouterr())


def test_intervals_are_columns_low_and_high(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2))
    fit(
        (rows, (rows[:, 0] + rng.normal(size=200) / 10).tolist()), baselines="none", out=tmp_path / "run", verbose=False
    )
    new = rng.normal(size=(30, 2))
    np.savetxt(tmp_path / "new.csv", new, delimiter=",", header="f0,f1", comments="")
    code, found = predicted(tmp_path, "--coverage", "0.9")
    assert code == 0
    low, high = (np.array([float(row[name]) for row in found]) for name in ("low", "high"))
    assert (low < high).all()
    assert ((low <= new[:, 0]) & (new[:, 0] <= high)).mean() > 0.7
    assert {"novel"} <= set(found[0])
    assert "set" not in found[0]


def test_too_few_items_to_tell_novel_ones_leave_the_column_empty_and_say_so_only_in_detail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.linspace(0, 1, 40)[:, None]
    fit((rows, ["low"] * 20 + ["high"] * 20), baselines="none", out=tmp_path / "run", verbose=False)
    np.savetxt(tmp_path / "new.csv", rows[::4], delimiter=",", header="f0", comments="")
    for further, told in (((), False), (("--verbose",), True)):
        assert {row["novel"] for row in predicted(tmp_path, "--coverage", "0.8", *further)[1]} == {""}
        assert ("not told" in "".join(capsys.readouterr())) is told
    assert predicted(tmp_path, "--novel")[0] == 2
    assert "needs 99 training items" in " ".join("".join(capsys.readouterr()).split())


def test_novel_items_are_flagged_and_warned_of(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = predicted(run, "--novel")
    said = capsys.readouterr()
    assert [row["novel"] for row in rows[:4]] == ["True"] * 4
    assert "unlike anything in the training data" in said.err + said.out
    _, rows = predicted(run)
    assert "novel" not in rows[0]
    assert "unlike anything in the training data" in "".join(capsys.readouterr())


def test_what_cannot_hold_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predicted(run, "--max-error", "0.02", "--priors", "uniform")[0] == 2
    assert predicted(run, "--max-error", "2")[0] == 2
    assert predicted(run, "--false-alarm", "0.0001")[0] == 2
    assert "needs 9999 training items" in "".join(capsys.readouterr()).replace("\n", " ")
