"""The Dockerfile and the compose file: what they start parses, runs as nobody in particular, and holds no secret."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from headstart.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and their arguments, continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split()[0].upper(), line.split(None, 1)[1].strip()) for line in joined.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    return instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def last_stage(steps) -> dict[str, str]:
    start = max(place for place, (name, _) in enumerate(steps) if name == "FROM")
    return dict(steps[start:])


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_instructions_are_read_over_lines():
    assert instructions("# why\nFROM a AS b\nRUN one \\\n    && two\n") == [
        ("FROM", "a AS b"),
        ("RUN", "one      && two"),
    ]


def test_the_container_runs_as_an_unprivileged_user_by_number(last_stage):
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last_stage["USER"])


def test_nothing_that_builds_reaches_the_last_stage(steps, last_stage):
    assert len([name for name, _ in steps if name == "FROM"]) == 2
    assert last_stage["COPY"] == "--from=build /opt/headstart /opt/headstart"
    assert (
        "pip uninstall --yes pip"
        in dict(reversed([step for step in steps if "pip install --constraint" in step[1]]))["RUN"]
    )


def test_what_the_container_starts_parses_and_other_machines_can_reach_it(last_stage):
    command = [*json.loads(last_stage["ENTRYPOINT"]), *json.loads(last_stage["CMD"])]
    assert command[0] == "headstart"
    given = build_parser().parse_args(command[1:])
    assert (given.host, str(given.port)) == ("0.0.0.0", last_stage["EXPOSE"])


def test_the_health_check_asks_the_route_of_the_server(last_stage):
    options, _, words = last_stage["HEALTHCHECK"].partition("CMD ")
    program = json.loads(words)
    assert program[:2] == ["python", "-c"]
    ast.parse(program[2])
    assert f"http://127.0.0.1:{last_stage['EXPOSE']}/health" in program[2]
    assert "--start-period=" in options


def test_the_extras_of_the_image_exist(steps):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (default,) = [
        value.removeprefix("EXTRAS=") for name, value in steps if name == "ARG" and value.startswith("EXTRAS=")
    ]
    assert set(default.split(",")) <= set(extras)
    assert {"serve", "postgresql"} <= set(default.split(","))


def test_what_is_copied_exists_and_is_not_ignored(steps):
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = [word for name, value in steps if name == "COPY" and "--from" not in value for word in value.split()[:-1]]
    assert copied
    for name in [*copied, "runs", ".env", ".git", "data.csv"]:
        ignored = False
        for rule in rules:
            ignored = not rule.startswith("!") if fnmatch(name, rule.removeprefix("!")) else ignored
        assert ignored == (name not in copied), name
        assert ignored or (ROOT / name).exists()


def test_no_secret_is_written_down(services):
    for name, value in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        assert not (name in ("ENV", "ARG") and re.search("TOKEN|PASSWORD|SECRET", value))
    secrets = [
        value
        for service in services.values()
        for name, value in service["environment"].items()
        if re.search("TOKEN|PASSWORD", name)
    ]
    assert len(secrets) == 3
    assert [value for value in secrets if not re.fullmatch(r"\$\{\w+:\?.+\}", value)] == []


def test_the_model_waits_for_its_database_and_keeps_feedback_in_it(services):
    given = build_parser().parse_args(services["model"]["command"])
    assert given.store == "postgresql+psycopg://headstart@db/headstart"
    assert services["model"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert "pg_isready" in services["db"]["healthcheck"]["test"]
    assert services["db"]["environment"]["POSTGRES_USER"] == services["db"]["environment"]["POSTGRES_DB"] == "headstart"


def test_only_this_machine_reaches_the_ports_and_named_volumes_are_declared(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]
    declared = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["volumes"]
    used = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in used if re.fullmatch(r"\w+", name)} == set(declared)
