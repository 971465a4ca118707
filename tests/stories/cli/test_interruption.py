"""A process that is interrupted, killed, or runs out of disk: no half of a run folder, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import Outcome, finish, refusal, start, texts, tree, without_progress, write_csv

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals and limits of files are those of POSIX"),
    pytest.mark.slow,  # a process of its own for each; CI runs them by name
]

# Stop and wait at a stage of a fit, after saying so by a file; Ctrl-C works even where a shell in the background had
# it switched off for its children.
WAIT = """
import headstart.transfer.stages.judge
headstart.transfer.stages.judge.MAX_FOLDS = 3
import time, pathlib
signal.signal(signal.SIGINT, signal.default_int_handler)
def wait(*words, **named):
    pathlib.Path("reached").touch()
    time.sleep(60)
"""
STAGES = {
    "encoding": "import headstart.sources.toy as toy; toy.ToySource.forward = wait",
    "solving": "import headstart.transfer.stages.judge as judge; judge.held_out_outputs = wait",
    "writing": "import headstart.transfer.stages.run_folder as run_folder; run_folder._write_predictions = wait",
}
MID_SWAP = """
rename = pathlib.Path.rename
pathlib.Path.rename = lambda self, target: wait() if ".partial-" in self.name else rename(self, target)
"""
FIT = ("fit", "a.csv", "--source", "toy", "--baselines", "none", "--out", "run")


def slow(value, **named):
    """A further case of a kind that costs a process of its own."""
    return pytest.param(value, marks=pytest.mark.slow, **named)


def fit_until(code: str, cli) -> subprocess.Popen[str]:
    """A fit that has come to the stage where ``code`` makes it wait."""
    process = start(WAIT + code, *FIT, folder=cli.folder)
    deadline = time.monotonic() + 60
    while not (cli.folder / "reached").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (cli.folder / "reached").unlink()
    return process


def stop(process: subprocess.Popen[str], number: signal.Signals) -> Outcome:
    process.send_signal(number)
    return finish(process)


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"cache"}


def with_data(cli) -> dict[str, str]:
    write_csv(cli.folder / "a.csv", texts())
    return tree(cli.folder)


@pytest.mark.parametrize("stage", [slow("encoding"), slow("solving"), "writing"])
def test_ctrl_c_in_mid_fit_leaves_what_there_was(cli, run, stage):
    before = with_data(cli)
    done = stop(fit_until(STAGES[stage], cli), signal.SIGINT)
    refusal(done, 130, ["interrupted", "nothing was written"])
    assert tree(cli.folder) == before


def test_ctrl_c_in_a_first_fit_leaves_nothing(cli):
    before = with_data(cli)
    done = stop(fit_until(STAGES["writing"], cli), signal.SIGINT)
    refusal(done, 130, ["interrupted", "nothing was written"])
    assert tree(cli.folder) == before


@pytest.mark.parametrize("stage", [slow("encoding"), "writing"])
def test_a_killed_fit_leaves_what_there_was_and_the_next_one_goes_on(cli, run, stage):
    before = with_data(cli)
    done = stop(fit_until(STAGES[stage], cli), signal.SIGKILL)
    assert done.code == -signal.SIGKILL
    left = tree(cli.folder)
    assert {name: about for name, about in left.items() if not name.startswith(".run.partial-")} == before
    cli.works("predict", "run", "where is my parcel", says=["delivery"])
    cli.works(*FIT)
    assert left_in(cli.folder) == {"a.csv", "run"}


def test_a_first_fit_that_is_killed_leaves_no_run_folder(cli):
    with_data(cli)
    stop(fit_until(STAGES["writing"], cli), signal.SIGKILL)
    assert not (cli.folder / "run").exists()
    assert len(list(cli.folder.glob(".run.partial-*"))) == 1
    cli.works(*FIT)
    assert left_in(cli.folder) == {"a.csv", "run"}


def test_a_fit_that_is_killed_between_two_renames_loses_no_run(cli, run):
    with_data(cli)
    kept = tree(cli.folder / "run")
    stop(fit_until(MID_SWAP, cli), signal.SIGKILL)
    assert not (cli.folder / "run").exists()
    done = cli("fit", "gone.csv", "--out", "run")  # any next fit puts the old run back first
    assert done.code == 2
    assert tree(cli.folder / "run") == kept
    assert left_in(cli.folder) == {"a.csv", "run"}


def test_two_fits_at_once_do_not_clear_each_others_files(cli):
    with_data(cli)
    waiting = fit_until(STAGES["writing"], cli)
    cli.works(*FIT)
    assert len(list(cli.folder.glob(".run.partial-*"))) == 1
    stop(waiting, signal.SIGINT)
    assert left_in(cli.folder) == {"a.csv", "run"}


LIMIT = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""


@pytest.mark.parametrize("size", [slow(600, id="safetensors"), slow(3000, id="parquet"), pytest.param(6000, id="text")])
def test_a_disk_that_fills_while_saving_leaves_what_there_was(cli, run, size):
    before = with_data(cli)
    done = finish(start(LIMIT.format(size=size), *FIT, folder=cli.folder, TMPDIR="/dev/shm"))
    refusal(done, 1, ["cannot write 'run'", "File too large", "free space", "nothing was changed"])
    assert tree(cli.folder) == before


@pytest.mark.parametrize("name", ["model.safetensors", "metrics.json", "splits.parquet", "report.html"])
def test_no_space_left_for_any_file_leaves_what_there_was(cli, run, monkeypatch, name):
    with_data(cli)
    full = OSError(28, os.strerror(28))

    def write_text(path, *words, **named):
        if path.name == name:
            raise full
        return Path_write_text(path, *words, **named)

    def refuse(*words, **named):
        raise full

    Path_write_text = Path.write_text
    monkeypatch.setattr(Path, "write_text", write_text)
    if name == "model.safetensors":
        monkeypatch.setattr("headstart.model.files.format.write_tensors", refuse)
    if name == "splits.parquet":
        monkeypatch.setattr("headstart.transfer.stages.run_folder._write_parquet", refuse)
    says = ["cannot write 'run'", "No space left on device", "free space", "nothing was changed"]
    cli.refuses(*FIT, code=1, says=says)


@pytest.mark.parametrize("out", ["p.csv", slow("p.jsonl"), slow("p.parquet")])
def test_a_disk_that_fills_while_predicting_leaves_the_file_of_before(cli, run, out):
    with_data(cli)
    (cli.folder / out).write_text("of last week")
    before = tree(cli.folder)
    words = ("predict", "run", "a.csv", "--out", out, "--no-cache")
    done = finish(start(LIMIT.format(size=200), *words, folder=cli.folder))
    refusal(done, 1, [f"cannot write '{out}'", "File too large", "nothing was changed"])
    assert tree(cli.folder) == before


@pytest.mark.parametrize("out", ["r.csv", slow("r.npy"), slow("r.parquet"), slow("r.safetensors")])
def test_a_disk_that_fills_while_embedding_leaves_the_file_of_before(cli, out):
    with_data(cli)
    (cli.folder / out).write_text("of last week")
    before = tree(cli.folder)
    words = ("embed", "a.csv", "--source", "toy", "--out", out)
    done = finish(start(LIMIT.format(size=200), *words, folder=cli.folder))
    refusal(done, 1, [f"cannot write '{out}'", "free space", "nothing was changed"])
    assert tree(cli.folder) == before


def test_standard_input_of_a_real_process(cli, run):
    done = finish(start("", "predict", "run", "-", folder=cli.folder), "where is my parcel\nmoney back for 3\n")
    assert done.code == 0, done.told
    assert len(done.out.splitlines()) == 2


def test_a_reader_that_goes_away_early(cli, run):
    with_data(cli)
    process = start("import time", "predict", "run", *["a.csv"] * 200, folder=cli.folder)
    process.stdout.close()
    process.stdin.close()
    with process.stderr:
        said = process.stderr.read()
    assert process.wait(timeout=60) == 141
    assert without_progress(said) == []


def test_a_pipe_that_cannot_show_every_sign(cli):
    with_data(cli)
    done = finish(start("", *FIT, folder=cli.folder, PYTHONIOENCODING="ascii"))
    assert done.code == 0, done.told
    assert "lambda = " in done.out
