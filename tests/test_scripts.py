"""The scripts: what they promise before they install anything, and when missing real data is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ["scripts/demo", "scripts/test", "scripts/check", "scripts/bench", ".ci/run"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_executable_and_strict(name):
    path = ROOT / name
    assert os.access(path, os.X_OK)
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    subprocess.run(["bash", "-n", path], check=True)


def test_without_a_python_the_scripts_say_what_to_install(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "cat", "cksum", "dirname", "env", "grep"):
        (tools / tool).symlink_to(shutil.which(tool))
    (tmp_path / "scripts").mkdir()
    for name in ("_env", "demo"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    done = subprocess.run(
        [tmp_path / "scripts" / "demo"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Headstart needs Python 3.11 or newer" in done.stderr
    assert "apt install python3" in done.stderr


@pytest.mark.parametrize(("ci", "code", "outcome"), [("", 0, "1 skipped"), ("1", 1, "1 error")])
def test_absent_real_data_skip_for_a_developer_and_fail_in_ci(tmp_path, ci, code, outcome):
    (tmp_path / "test_a.py").write_text("def test_a(real_data):\n    assert real_data\n")
    path = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tests", "tests/helpers"))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take seconds to load
    environment |= {"CI": ci, "HEADSTART_DATA": str(tmp_path / "none"), "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-rs", "-p", "conftest", "test_a.py"]
    command += ["-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert outcome in done.stdout
    assert "no real data at" in done.stdout
