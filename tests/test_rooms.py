"""Inside a package: entries at the door, machinery in sub-packages, which import each other one way only.

The door of a package are its own modules. A module stands there if it is a method that a registry names, a registry, a
word that other packages use, or one of the ENTRIES below; everything else belongs into a sub-package.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from source_imports import PACKAGE, imports_of, lazy_names, parse, plant, unit

from headstart.cli.main import build_parser

# What each sub-package may import inside its package: other sub-packages, and words at the door. A word at the door
# that sub-packages import stands here too, with what it imports itself. Nothing else at the door is imported by them.
ROOMS: dict[str, dict[str, set[str]]] = {
    "adapt": {"label_shift": set(), "domains": set(), "validation": set()},
    "cli": {"demonstration": set(), "input": set(), "output": {"input"}, "pages": set(), "parser": set()},
    "data": {
        "text": set(),
        "media": {"text"},
        "naming": {"text"},
        "grouping": set(),
        "formats": {"media", "naming", "text"},
        "labels": {"formats", "naming", "text"},
        "schema": {"grouping", "labels", "media", "text"},
        "table": {"formats", "labels", "media", "naming", "schema", "text"},
        "folder": {"media", "schema", "table", "text"},
        "annotations": {"folder", "formats", "grouping", "media", "naming", "schema", "text"},
        "auditing": {"media", "table", "text"},
    },
    "engine": {
        "extraction": set(),
        "options": set(),
        "capabilities": {"options"},
        "body": set(),
        "cache": set(),
        "backends": {"body", "cache"},
        "pipeline": {"body", "cache", "capabilities", "extraction", "options"},
        "ray": {"capabilities", "options", "pipeline"},
        "frozen_body": {"backends", "body", "cache", "capabilities"},
        "variants": {"backends", "body", "cache", "capabilities", "frozen_body"},
    },
    "explain": {
        "registry": {"asking", "bodies"},
        "asking": set(),
        "bodies": {"asking"},
        "explain": {"asking", "registry"},
        "leave_one_word_out": {"asking", "registry"},
        "checking": {"asking", "explain", "leave_one_word_out", "registry"},
    },
    "export": {
        "checking": set(),
        "folders": {"checking"},
        "graph": {"checking"},
        "readers": set(),
        "annotations": {"checking", "folders", "graph", "readers"},
    },
    "evaluate": {
        "annotations": {"evaluation", "gain", "intervals"},
        "continual": {"evaluation", "intervals"},
        "metrics": set(),
        "intervals": {"metrics"},
        "formatting": set(),
        "pairs": {"formatting", "intervals", "metrics"},
        "curves": set(),
        "coverage": {"intervals"},
        "diagrams": {"intervals", "metrics"},
        "certainty": {"coverage", "diagrams", "intervals"},
        "shift": {"intervals"},
    },
    "heads": {
        "annotating": set(),
        "architecture": set(),
        "architectures": {
            "architecture", "cell", "contenders", "feature_map", "fitted", "fusion", "problem", "random_features",
            "registry",
        },
        "cells": set(),
        "cell": {"cells", "estimator"},
        "random_features": {"contenders", "estimator", "knn", "logistic"},
        "knn": {"estimator"},
        "logistic": {"estimator"},
        "words": {"annotating"},
        "boxes": {"annotating"},
        "attention": set(),
        "feature_map": set(),
        "masks": {"annotating"},
        "loss_summary": {"standard_error"},
        "registry": {"estimator"},
        "standard_error": set(),
        "estimator": set(),
        "problem": {"architecture"},
        "fitted": {"estimator", "feature_map", "loss_summary"},
        "spectral": {"feature_map", "fitted", "problem", "registry"},
        "label_noise": {"fitted", "problem", "spectral"},
        "contenders": {"estimator", "feature_map", "fitted", "problem", "registry", "spectral", "standard_error"},
        "fusion": {
            "attention", "contenders", "estimator", "feature_map", "fitted", "problem", "registry",
            "standard_error",
        },
    },
    "model": {
        "certainty": set(),
        "task_folders": set(),
        "files": {"certainty", "task_folders"},
        "conformal": {"certainty"},
        "updating": {"certainty"},
    },
    "report": {
        "annotations": {"content", "page"},
        "gallery": set(),
        "content": set(),
        "page": {"content", "gallery"},
        "figures": {"content", "page"},
        "sections": {"content", "gallery", "page"},
    },
    "search": {
        "space": set(),
        "head_space": {"space"},
        "registry": {"space"},
        "driving": {"head_space", "registry", "space"},
    },
    "serve": {
        "options": set(),
        "batching": set(),
        "http": {"options"},
        "page": set(),
        "store": set(),
        "items": {"batching", "options", "store"},
        "teaching": {"batching", "items", "options", "store"},
        "routes": {"batching", "http", "items", "options", "store", "teaching"},
    },
    "sources": {
        "preprocessing": set(),
        "bodies": set(),
        "audio_bodies": {"bodies", "preprocessing"},
        "keras_bodies": {"bodies", "preprocessing"},
        "positions": {"bodies", "preprocessing"},
        "detection_bodies": {"bodies", "preprocessing"},
        "timm_bodies": {"bodies", "preprocessing"},
        "transformers": {"bodies", "preprocessing", "weight_files"},
        "weight_files": {"bodies"},
        "built_in": {"bodies", "local", "timm", "timm_bodies", "transformers", "weight_files"},
    },
    "transfer": {
        "annotating": {"stages", "teaching"},
        "stages": set(),
        "comparing": {"stages"},
        "gate": {"stages"},
        "ranking": {"annotating", "stages"},
        "pretraining": {"stages"},
        "searching": {"gate", "ranking", "stages"},
        "streaming": {"gate"},
        "suggestions": set(),
        "drifting": set(),
        "adapting": {"drifting"},
        "teaching": {"run"},
        "run": {"stages"},
    },
    "tune": {
        "training": set(),
        "frozen": {"training"},
        "boxes": {"training"},
        "losses": set(),
        "masks": {"training"},
        "network": {"training"},
        "augmentation": {"training"},
        "moving": {"augmentation", "network", "training"},
        "structure": {"augmentation", "moving", "network", "training"},
        "attacks": {"network", "training"},
        "distillation": {"augmentation", "frozen", "losses", "training"},
        "words": {"moving", "network", "training"},
        "objectives": {"augmentation", "losses", "training"},
    },
}  # fmt: skip

# Modules at a door which no registry names and no other package imports, and why they are entries all the same.
ENTRIES = {
    "cli.fit_tasks": "the command fit with --tasks",
    "cli.inspect_labels": "the command inspect with --labels",
    "cli.predict_annotations": "the command predict with a model that annotates items",
    "cli.predict_tasks": "the command predict on the runs of several tasks",
    "cli.fit_zero_shot": "the command fit with --zero-shot",
    "cli.process": "how every command ends: signals, and what is printed at the end",
    "cli.reference": "run by name: the page of commands",
    "cli.methods": "run by name: the page of methods",
    "model.explaining": "TransferModel.explain, whose work a layer above does",
    "model.exporting": "TransferModel.export, whose work a layer above does",
    "model.plotting": "TransferModel.plot, whose work a layer above does",
    "data.hugging_face": "a kind of input: datasets of Hugging Face",
    "data.labels": "a word of the package: from label columns to a task and its codes",
    "data.python_inputs": "a kind of input: lists, arrays and frames",
    "model.removal": "a method: exact unlearning, and what may be forgotten",
    "model.suggesting": "a method of the model whose work a layer above does",
    "serve.workers": "several processes on one port",
    "serve.on_ray": "replicas on a Ray cluster",
}
REGISTRIES = ("registry", "annotating.contract", "annotating.sums")  # modules that hold a registry
MOST_MODULES = 38  # of one folder: what a reader can still look over; the commands are the most


def in_package(module: str, package: str) -> str:
    """The sub-package or the module at the door, for a module of a package; empty for the package itself."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == [package] and len(parts) > 2 else ""


def sub_packages(root: Path, package: str) -> set[str]:
    return {path.parent.name for path in (root / package).glob("*/__init__.py")}


def room_violations(root: Path, rooms: Mapping[str, Mapping[str, set[str]]]) -> list[str]:
    """Imports between sub-packages, or from one of them to the door, that the table doesn't allow."""
    found = []
    edges = [
        *imports_of(parse(root), lazy=False),
        # what a string names is imported too, except that a registry names the methods beside it
        *(edge for edge in imports_of(parse(root), lazy=True) if not edge.importer.endswith(REGISTRIES)),
    ]
    for package, allowed in rooms.items():
        new = sub_packages(root, package) - set(allowed)
        found += [f"{package}/{name} stands in no table; add it to ROOMS" for name in sorted(new)]
        for edge in edges:
            above, below = in_package(edge.importer, package), in_package(edge.target, package)
            at_the_front = edge.target == f"headstart.{package}" and above in sub_packages(root, package)
            if above in allowed and (at_the_front or (below and below not in {above, *allowed[above]})):
                found.append(f"{edge.importer}:{edge.line} imports {edge.target}")
    return list(dict.fromkeys(found))


def cycle_of_rooms(rooms: Mapping[str, Mapping[str, set[str]]]) -> list[str]:
    for allowed in rooms.values():
        try:
            TopologicalSorter(allowed).prepare()
        except CycleError as error:
            return list(error.args[1])
    return []


def unused_permissions(root: Path, rooms: Mapping[str, Mapping[str, set[str]]]) -> list[str]:
    """Arrows of the table that no import needs any more."""
    edges = imports_of(parse(root), lazy=False)
    found = []
    for package, allowed in rooms.items():
        used = {(in_package(edge.importer, package), in_package(edge.target, package)) for edge in edges}
        found += [
            f"{package}: {above} -> {below}"
            for above, names in allowed.items()
            for below in sorted(names)
            if (above, below) not in used
        ]
    return found


def strangers_at_the_door(root: Path, entries: Mapping[str, str]) -> list[str]:
    """Modules at the door of a package with sub-packages that are no method, no registry, no word and no entry."""
    modules = parse(root)
    seen = set(entries) | {"cli.__main__", "cli.main"} | {f"cli.{verb}" for verb in verbs()}
    seen |= {name for tree in modules.values() for name in named_lazily(tree)}
    for edge in imports_of(modules, lazy=False):
        package = unit(edge.target)
        if unit(edge.importer) != package or edge.importer == f"headstart.{package}":
            seen.add(edge.target.partition(".")[2])
    return [
        f"{package}.{path.stem}"
        for package in sorted(path.name for path in root.iterdir() if path.is_dir() and sub_packages(root, path.name))
        for path in sorted((root / package).glob("*.py"))
        if path.stem not in {"__init__", "registry", "scheme"} and f"{package}.{path.stem}" not in seen
    ]


def named_lazily(tree: ast.Module) -> Iterator[str]:
    """Modules that strings name: entries of registries, and public names of the top level."""
    yield from (name.partition(".")[2].rpartition(".")[0] for name, _ in lazy_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("headstart."):
            yield node.value.partition(".")[2]


def verbs() -> set[str]:
    """The commands of the real parser."""
    (commands,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return set(commands.choices)


def test_sub_packages_import_each_other_one_way():
    assert room_violations(PACKAGE, ROOMS) == []
    assert cycle_of_rooms(ROOMS) == []
    assert unused_permissions(PACKAGE, ROOMS) == []


def test_every_package_with_sub_packages_stands_in_the_table():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and sub_packages(PACKAGE, path.name)} == set(ROOMS)


def test_the_check_of_rooms_catches_planted_violations(tmp_path):
    files = {"__init__.py": "", "heads/__init__.py": "", "heads/a/__init__.py": "", "heads/b/__init__.py": ""}
    files |= {"heads/ridge.py": "", "heads/a/x.py": "from headstart.heads.b import y", "heads/b/y.py": ""}
    root = plant(tmp_path, files)
    rooms = {"heads": {"a": {"b"}, "b": set()}}
    assert room_violations(root, rooms) == []
    assert unused_permissions(root, {"heads": {"a": {"b"}, "b": {"ridge"}}}) == ["heads: b -> ridge"]
    plant(tmp_path, {"heads/b/y.py": "def f():\n    from headstart.heads.a.x import z"})
    assert len(room_violations(root, rooms)) == 1
    plant(tmp_path, {"heads/b/y.py": "import headstart.heads.ridge"})
    assert len(room_violations(root, rooms)) == 1
    plant(tmp_path, {"heads/b/y.py": "", "heads/c/__init__.py": ""})
    assert room_violations(root, rooms) == ["heads/c stands in no table; add it to ROOMS"]
    plant(tmp_path, {"heads/b/y.py": "from headstart.heads import knn"})
    assert room_violations(root, rooms)[1:] != []
    plant(tmp_path, {"heads/b/y.py": "PLACE = 'headstart.heads.a.x:f'"})
    assert room_violations(root, rooms)[1:] != []
    assert set(cycle_of_rooms({"heads": {"a": {"b"}, "b": {"a"}}})) == {"a", "b"}


def test_only_methods_registries_and_words_stand_at_a_door():
    assert strangers_at_the_door(PACKAGE, ENTRIES) == []


def test_no_entry_is_stale():
    assert set(strangers_at_the_door(PACKAGE, {})) == set(ENTRIES)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, []),
        ({"heads/pipe.py": ""}, ["heads.pipe"]),
        ({"heads/pipe.py": "", "heads/knn.py": "from headstart.heads.pipe import f"}, ["heads.pipe"]),
        ({"heads/word.py": "", "model.py": "from headstart.heads.word import f"}, []),
    ],
)
def test_the_check_of_doors_catches_a_planted_pipe(tmp_path, files, found):
    house = {"__init__.py": "", "heads/__init__.py": "", "heads/a/__init__.py": "", "heads/knn.py": "", "model.py": ""}
    house |= {"heads/registry.py": "HEADS = {'knn': 'headstart.heads.knn:Knn'}"}
    assert strangers_at_the_door(plant(tmp_path, house | files), {}) == found


def repeated_classes(root: Path) -> dict[str, list[str]]:
    """Names of classes that two modules give to different things, and these modules."""
    places: dict[str, list[str]] = {}
    for module, tree in parse(root).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_each_name_of_a_class_has_one_meaning():
    assert repeated_classes(PACKAGE) == {}


def test_the_check_of_names_catches_a_planted_second_meaning(tmp_path):
    files = {"__init__.py": "", "heads.py": "class Plan: ...", "tune.py": "from headstart.heads import Plan"}
    root = plant(tmp_path, files)
    assert repeated_classes(root) == {}
    plant(tmp_path, {"tune.py": "def f():\n    class Plan: ..."})
    assert repeated_classes(root) == {"Plan": ["headstart.heads", "headstart.tune"]}


def test_every_package_says_why_it_exists():
    for path in PACKAGE.rglob("__init__.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring is not None, path
        first, _, rest = docstring.partition("\n\n")
        # one sentence says what it is; a package with several modules also says what may go in
        assert first.endswith((".", ":")), path
        if len(list(path.parent.glob("*.py"))) > 2:
            assert rest.strip(), f"{path}: say in a second paragraph what may go in"


def test_no_folder_is_too_full():
    full = {str(folder.relative_to(PACKAGE)): len(list(folder.glob("*.py"))) for folder in PACKAGE.rglob("*/")}
    assert {name: count for name, count in full.items() if count > MOST_MODULES} == {}
