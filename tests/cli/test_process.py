"""A process that is stopped at any moment ends in a sentence with its code, and never with a traceback."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from command_line import finish, refusal

main_module = import_module("headstart.cli.main")
posix = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

OWN = """
import sys
sys.argv = {words!r}
{code}
from headstart.cli import main
{then}
sys.exit(main())
"""


def own(words: list[str], folder, code: str = "", then: str = "", **settings: str) -> subprocess.Popen[str]:
    """The command as its entry point starts it."""
    program = OWN.format(words=["headstart", *words], code=code, then=then)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, env={**os.environ, **settings}, text=True, stdin=pipe, stdout=pipe,
        stderr=pipe,
    )  # fmt: skip


def stopped_at(place: str, number: signal.Signals, folder):
    """The outcome of a process that gets a signal at a place: a piece of code that says so and waits there."""
    wait = "import signal, time, pathlib\ndef wait(*a, **k):\n    pathlib.Path('reached').touch()\n    time.sleep(60)\n"
    then = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell may have it ignored
    process = own(["doctor"], folder, code=wait, then=f"{then}\n{place}")
    deadline = time.monotonic() + 60
    while not (folder / "reached").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    return finish(process)


PLACES = {
    "building the parser": "import headstart.cli.main; sys.modules['headstart.cli.main'].build_parser = wait",
    "importing the verb": "import importlib; importlib.import_module = wait",
    "working": "import headstart.cli.doctor as doctor; doctor.run = wait",
}


@posix
@pytest.mark.parametrize(
    ("number", "code", "says"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated by SIGTERM")]
)
@pytest.mark.parametrize("place", list(PLACES))
def test_a_signal_ends_in_a_sentence(place, number, code, says, tmp_path):
    refusal(stopped_at(PLACES[place], number, tmp_path), code, [says, "nothing was written"])


@posix
def test_a_second_ctrl_c_ends_at_once_without_a_traceback(tmp_path):
    slow = "import atexit; atexit.register(wait)"  # what is cleared up at the end takes long
    done = stopped_at(
        f"{slow}\nimport headstart.cli.doctor as doctor; doctor.run = lambda args: 0", signal.SIGINT, tmp_path
    )
    assert (done.code, done.err) == (130, "")


@posix
def test_ctrl_c_in_a_destructor_ends_the_process(tmp_path):
    place = (
        "class Last:\n    __del__ = wait\nimport headstart.cli.doctor as doctor; doctor.run = lambda args: Last() and 0"
    )
    done = stopped_at(place, signal.SIGINT, tmp_path)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


@pytest.mark.parametrize("name", ["build_parser", "_run"])
def test_an_interruption_in_any_part_of_main_is_a_sentence(name, monkeypatch, capsys):
    def interrupted(*_words):
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, name, interrupted)
    assert main_module.main(["doctor"]) == 130
    assert capsys.readouterr().err == "headstart: error: interrupted; nothing was written\n"


SENTENCES = [
    (MemoryError(), "out of memory; nothing was written"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "out of memory"),
    (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
    (OSError(errno.ENOSPC, "No space left on device"), "is full"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 3000), "File name too long"),
    (
        PermissionError(errno.EACCES, "Permission denied", "/root/x"),
        "cannot read or write '/root/x': Permission denied",
    ),
    (ModuleNotFoundError("No module named 'timm'"), "pip install --force-reinstall headstart"),
    (ZeroDivisionError("of \x1b[31m\nred"), "unexpected ZeroDivisionError: of \\x1b[31m red"),
]


@pytest.mark.parametrize(("error", "says"), SENTENCES, ids=[type(error).__name__ for error, _ in SENTENCES])
@pytest.mark.parametrize("as_json", [False, True], ids=["lines", "json"])
def test_every_error_is_one_sentence(error, says, as_json, monkeypatch, capsys):
    def failed(*_words):
        raise error

    monkeypatch.setattr(main_module, "_run", failed)
    assert main_module.main(["doctor", *(["--json"] if as_json else [])]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("headstart: error: ")
    assert len(err.splitlines()) == 1
    assert len(err) < 1300
    assert says in err
    assert ('"exit_code": 1' in out) is as_json


def unread(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and standard error of a process whose standard output nobody reads."""
    process.stdout.close()
    process.stdin.close()
    with process.stderr:
        said = process.stderr.read()
    return process.wait(timeout=60), said


@posix
@pytest.mark.parametrize("words", [["--help"], ["sources", "list"], ["sources", "show", "vector"]])
def test_a_reader_that_is_gone_before_a_word_was_written(words, tmp_path):
    assert unread(own(words, tmp_path)) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_full_disk_behind_standard_output(tmp_path):
    command = [sys.executable, "-m", "headstart", "sources", "list"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert said.startswith("headstart: error: No space left on device: the disk at ")
    assert said.endswith("free space or name another disk")


@posix
def test_a_process_without_standard_output_or_error(tmp_path):
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        command = f'"{sys.executable}" -m headstart sources show no-such-source {closed}'
        assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False).returncode == 2


def test_warnings_of_libraries_are_details(tmp_path):
    place = "import warnings\nimport headstart.cli.doctor as d; d.run = lambda args: warnings.warn('so \\x1b old') or 0"
    done = finish(own(["doctor"], tmp_path, then=place))
    assert (done.code, done.err) == (0, "")
    done = finish(own(["doctor", "--verbose"], tmp_path, then=place))
    assert (done.code, done.err) == (0, "headstart: warning: UserWarning: so \\x1b old\n")


def test_a_process_started_by_code_keeps_its_own_signals(cli):
    before = signal.getsignal(signal.SIGINT)
    cli.works("sources", "show", "vector")
    assert signal.getsignal(signal.SIGINT) is before


TABLE = "x,label\n" + "".join(f"{k / 10},{'low' if k < 10 else 'high'}\n" for k in range(20))


@posix
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_fit_with_a_closed_output_pipe_is_finished(tmp_path, options):
    """Kind: a closed pipe on standard output, as of ``headstart fit a.csv | head``, that loses the work."""
    (tmp_path / "a.csv").write_text(TABLE)
    code, said = unread(own(["fit", "a.csv", "--out", "run", "--baselines", "none", *options], tmp_path))
    assert (code, "Traceback" in said) == (0, False)
    assert (tmp_path / "run" / "report.html").is_file()


@posix
def test_predictions_into_a_closed_pipe_exit_with_141(tmp_path):
    """Kind: a closed pipe on standard output where the output is all that the command gives."""
    (tmp_path / "a.csv").write_text(TABLE)
    assert (
        main_module.main(["fit", str(tmp_path / "a.csv"), "--out", str(tmp_path / "run"), "--baselines", "none"]) == 0
    )
    code, said = unread(own(["predict", "run", "a.csv"], tmp_path))
    assert (code, "Traceback" in said) == (141, False)
