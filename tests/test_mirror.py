"""Where a test stands: ``tests/A/test_B.py`` tests ``src/headstart/A/B.py``, and themes are stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from source_imports import PACKAGE

TESTS = Path(__file__).resolve().parent

# What is tested here is the project, not a module of it.
PROJECT = {
    "test_architecture": "layers, and what may be imported and called",
    "test_docker": "the files for Docker",
    "test_docs": "the documents beside the code",
    "test_mirror": "where tests stand",
    "test_private_folder": "what a run of the tests leaves on the disk",
    "test_public": "the public names",
    "test_rooms": "which sub-package may import which",
    "test_scripts": "the scripts",
    "test_site": "the pages of the documents",
}
STORIES, HELPERS = "stories", "helpers"


def misplaced(tests: Path, package: Path, project: set[str]) -> Iterator[str]:
    """One sentence for each file below ``tests`` that does not stand where what it tests stands."""
    for path in sorted(tests.rglob("*.py")):
        place = path.relative_to(tests)
        above, name = place.parent, path.stem.removeprefix("test_")
        if HELPERS in above.parts[:1] or path.name == "conftest.py":
            continue
        if name == path.stem:
            yield f"{place} is no test: helpers stand in {HELPERS}/."
        elif is_module(package / above / name):
            continue
        elif f"{name}_".startswith(f"{above.name}_"):
            yield f"{place} repeats the name of its folder."
        elif STORIES not in above.parts[:1] and str(place.with_suffix("")) not in project:
            yield f"{place} has no {above / name}.py to test: themes of several modules stand in {STORIES}/."


def is_module(path: Path) -> bool:
    """Whether a path without its suffix is a module, or a package, which a test may test by its public words."""
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_each_test_stands_where_what_it_tests_stands():
    assert list(misplaced(TESTS, PACKAGE, set(PROJECT))) == []


def test_the_tests_of_the_project_exist():
    assert [name for name in PROJECT if not (TESTS / f"{name}.py").is_file()] == []


def written(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.fixture
def package(tmp_path):
    """A package of two rooms."""
    return written(tmp_path / "src", "linear/__init__.py", "linear/ridge.py", "linear/fast/__init__.py", "rows.py")


@pytest.mark.parametrize(
    "file",
    [
        "linear/test_ridge.py",
        "linear/test_fast.py",
        "test_linear.py",
        "test_rows.py",
        "test_docs.py",
        "stories/linear/test_killed_fits.py",
        "helpers/reference.py",
        "linear/conftest.py",
    ],
)
def test_what_is_right_passes(package, tmp_path, file):
    assert list(misplaced(written(tmp_path / "tests", file), package, {"test_docs"})) == []


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("linear/test_linear_ridge.py", "repeats the name of its folder"),
        ("linear/test_linear.py", "repeats the name of its folder"),
        ("stories/linear/test_linear_kills.py", "repeats the name of its folder"),
        ("linear/test_lasso.py", "has no linear/lasso.py to test"),
        ("linear/test_rows.py", "has no linear/rows.py to test"),
        ("test_ridge.py", "has no ridge.py to test"),
        ("linear/test_docs.py", "has no linear/docs.py to test"),
        ("linear/reference.py", "is no test"),
        ("linear/ridge.py", "is no test"),
    ],
)
def test_what_is_wrong_is_found(package, tmp_path, file, words):
    found = list(misplaced(written(tmp_path / "tests", "test_rows.py", file), package, {"test_docs"}))
    assert len(found) == 1
    assert found[0].startswith(file)
    assert words in found[0]
