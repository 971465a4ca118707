"""What mkdocs adds to the pages of this folder: a page for each command, generated from the parser at each build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from headstart.cli.reference import sections

NAV = "Commands"


def verb_pages() -> Iterator[tuple[str, str, str]]:
    """Title, address and Markdown of the page of each command, in the parser's order."""
    for command, text in sections():
        words = command.split()[1:]
        yield " ".join(words), f"cli/{'-'.join(words)}.md", f"# {command}\n\n{text}"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages of the commands in the navigation, after the page of all of them."""
    nav: list[Any] = config.nav or []
    for entry in nav:
        if isinstance(entry, dict) and NAV in entry:
            entry[NAV] = [*entry[NAV], *({title: place} for title, place, _ in verb_pages())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the commands."""
    for _, place, text in verb_pages():
        files.append(File.generated(config, place, content=text))
    return files


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """In the page of lost readers, the theme's ``//search.html`` would be another host."""
    return output.replace('"//search.html', '"/search.html') if template_name == "404.html" else output
