"""Reads the source of the package: its modules, what each imports, and small packages that are planted for a check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "headstart"

# Each module or package of headstart and its layer; imports go strictly down. ARCHITECTURE.md draws it.
LAYERS = {
    "errors": 0,
    "types": 1, "registry": 1, "params": 1, "io": 1, "reporting": 1, "annotations": 1,
    "attributions": 2, "rows": 2, "linear": 2, "data": 2, "decode": 2,
    "engine": 3, "tasks": 3,
    "sources": 4,
    "scores": 5, "heads": 5, "adapt": 5,
    "model": 6,
    "tune": 7,
    "evaluate": 8, "explain": 8,
    "report": 9, "export": 9,
    "serve": 10, "search": 10,
    "transfer": 11, "checks": 11,
    "estimators": 12, "cli": 12, "apps": 12, "__main__": 13,
    "__init__": 13,
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import of one of our modules (or of a name in it) by another, and where it stands."""

    importer: str
    target: str
    line: int


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


parsed = cache(ast.parse)  # of the text: the package is checked in several ways


def parse(package: Path) -> dict[str, ast.Module]:
    return {module_name(path, package): parsed(path.read_text()) for path in sorted(package.rglob("*.py"))}


def imported_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Dotted names that a module imports anywhere, functions included, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def lazy_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Dotted names in strings that a registry imports on first use, such as "headstart.heads.ridge:RidgeHead"."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(r"headstart(\.\w+)+:\w+", text):
            yield text.replace(":", "."), node.lineno


def imports_of(modules: dict[str, ast.Module], *, lazy: bool) -> list[Import]:
    """All imports between our modules; a name is resolved to the module that it stands in."""
    found = []
    for importer, tree in modules.items():
        for name, line in [*imported_names(tree), *(lazy_names(tree) if lazy else ())]:
            if name.split(".")[0] != "headstart" or name == "headstart.__version__":
                continue
            target = name
            while target not in modules and target.count(".") > 1:
                target = target.rpartition(".")[0]
            if target not in modules and unit(target) not in LAYERS:
                target = "headstart"  # a name of its own
            found.append(Import(importer, target, line))
    return found


def unit(module: str) -> str:
    """The module or package of headstart that a dotted name belongs to: the key of LAYERS."""
    return "__init__" if module == "headstart" else module.split(".")[1]


def plant(root: Path, files: dict[str, str]) -> Path:
    package = root / "headstart"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package
