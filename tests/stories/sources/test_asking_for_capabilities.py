"""What our own objects can is asked by ``isinstance`` with a Protocol, which mypy checks, and not by a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "src" / "headstart"
PLACES = ("checks.py", "cli", "engine", "sources", "transfer", "tune")

# Attributes of things that are not ours, and of what.
FOREIGN = {
    "errors": {"__notes__", "errno", "filename", "sqlite_errorcode", "strerror"},
    "the operating system": {"fork", "getuid", "posix_fallocate", "register_at_fork", "sched_getaffinity",
                             "sysconf", "st_blocks"},
    "pictures, arrays and tensors": {"detach", "dtype", "getbands", "nbytes", "ndim", "shape"},
    "torch modules": {
        "group_matcher", "loss_type", "out_channels", "out_features", "reset_parameters", "variable", "STRUCTURE",
        "weight",
    },
    "torch": {"get_capabilities"},
    "bodies of timm and their layers": {
        "act", "drop", "feature_info", "get_classifier", "num_classes", "num_prefix_tokens", "output_fmt",
    },
    "modules of peft": {"peft_config"},
    "bodies and processors of transformers": {
        "backend_tokenizer", "config", "depths", "max_position_embeddings", "patch_size", "pooler_output",
        "sampling_rate", "save_pretrained", "visual_projection",
    },
    "arguments of the command line": {"action.dest", "ray", "source", "workers"},
}  # fmt: skip


def asked(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that ``hasattr``, or ``getattr`` with a default, asks for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (
            node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) == 3)
        ):  # fmt: skip
            name = node.args[1]
            yield (name.value if isinstance(name, ast.Constant) else ast.unparse(name)), node.lineno


def asked_of_our_own(package: Path) -> list[str]:
    foreign = set().union(*FOREIGN.values())
    files = [path for place in PLACES for path in sorted([package / place, *(package / place).rglob("*.py")])]
    return [
        f"{path.relative_to(package)}:{line} asks for '{name}'"
        for path in files
        if path.is_file()
        for name, line in asked(ast.parse(path.read_text()))
        if name not in foreign
    ]


def test_only_foreign_objects_are_asked_by_name():
    assert asked_of_our_own(PACKAGE) == []


@pytest.mark.parametrize("text", ['hasattr(source, "whole")', 'getattr(source, "backend", "")', "getattr(x, n, 1)"])
def test_a_planted_question_is_found(tmp_path, text):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "module.py").write_text(f'getattr(settings, "name")\nfound = {text}\n')
    assert len(asked_of_our_own(tmp_path)) == 1
