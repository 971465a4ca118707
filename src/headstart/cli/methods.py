"""The page of methods, made from registries and docstrings: ``python -m headstart.cli.methods > docs/methods.md``.

A method is what a registry names, or a module, class or function of the packages in `SECTIONS` whose docstring begins
with the field's name for it and a colon. Further facts are paragraphs of the same docstring: ``Reference:`` is its
paper, ``Command:`` the command line that uses it (or a dash and the reason why there is none), ``Transfers:`` what a
strategy transfers. The lines of Python are its doctest example.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from headstart.cli.pages.catalogue import SECTIONS, Found, Section
from headstart.cli.pages.docstrings import example_of
from headstart.errors import UsageError

__all__ = ["Method", "methods_of", "render"]

HEADER = """\
# Methods

Made by `python -m headstart.cli.methods > docs/methods.md` from the registries and the docstrings; a test compares, and
runs every block. `DATA` stands for a folder or a table, as `headstart fit --help` says. The [index](#index) at the end
tells the file of each method.
"""


@dataclass(frozen=True)
class Method:
    """What the page says of a method.

    Attributes:
        name: the field's name for it.
        line: what it does, in one sentence.
        paper: authors, title, venue and year; empty where none is cited.
        place: where it is imported from.
        file: the file that it stands in, below ``src/headstart``.
        names: its names in the registry.
        command: a command line that uses it, or a dash and the reason why there is none.
        example: lines of Python, as a session.

    Examples:
        >>> found = next(one for one in methods_of(SECTIONS[1]) if "knn" in one.names)
        >>> found.name, found.place, found.command
        ('k nearest neighbours', 'headstart.heads.knn.KNN', 'headstart fit DATA --head knn')
    """

    name: str
    line: str
    paper: str
    place: str
    file: str
    names: tuple[str, ...]
    command: str
    example: str


def methods_of(section: Section) -> list[Method]:
    """The methods of a section, by name.

    Raises:
        UsageError: if the docstring of a method does not begin with its name, or no docstring has an example.

    Examples:
        >>> tasks = next(section for section in SECTIONS if section.title == "Tasks")
        >>> [method.name for method in methods_of(tasks)]
        ['Classification', 'Multi-label classification', 'Regression']
    """
    return sorted((_method(found, section) for found in section.find()), key=lambda one: one.name.lower())


def render() -> str:
    """The page in Markdown.

    Examples:
        >>> render().splitlines()[0]
        '# Methods'
    """
    parts, files = [HEADER], set()
    for section in SECTIONS:
        methods = methods_of(section)
        parts += [f"\n## {section.title}\n", *map(_entry, methods)]
        files |= {(one.name, one.file) for one in methods}
    rows = [f"| {name} | `{file}` |\n" for name, file in sorted(files, key=lambda one: (one[0].lower(), one[1]))]
    return "".join([*parts, "\n## Index\n\n| method | file below `src/headstart` |\n|---|---|\n", *rows])


def _entry(method: Method) -> str:
    called = f" ({', '.join(f'`{name}`' for name in method.names)})" if method.names else ""
    command = method.command if method.command.startswith("-") else f"`{method.command}`"
    return (
        f"\n### {method.name}{called}\n\n{method.line}\n\n"
        f"- Paper: {method.paper or '-'}\n- Import: `{method.place}`\n- Command: {command}\n\n"
        f"```pycon\n{method.example}\n```\n"
    )


def _method(found: Found, section: Section) -> Method:
    module, name = found.module, found.names[0] if found.names else ""
    example = example_of(module, found.target, helpers=section.helpers) or section.example.replace("{name}", name)
    if not example:
        raise UsageError(
            f"No docstring of {module.__name__} has an example that shows its method; write one of two lines."
        )
    return Method(
        name=found.facts.name,
        line=found.facts.line.replace("``", "`"),
        paper=found.facts.paper.replace("``", "`"),
        place=".".join(filter(None, (module.__name__, found.attribute))),
        file=module.__name__.removeprefix("headstart.").replace(".", "/") + ".py",
        names=found.names,
        command=found.facts.command or section.command.format(name=name, pattern=found.pattern),
        example=example,
    )


if __name__ == "__main__":
    sys.stdout.write(render())
