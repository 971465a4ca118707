"""What mkdocs adds to the pages of this folder: a page for each command, generated from the parser at each build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from headstart.cli.reference import sections

NAV = "Commands"
GUIDES = {  # the page that shows a command at work
    "inspect": "cookbook/wrong-labels.md",
    "fit": "start.md",
    "predict": "certainty.md",
    "explain": "reasons.md",
    "search": "search.md",
    "evaluate": "report.md",
    "compare": "cookbook/compare.md",
    "suggest": "cookbook/label-next.md",
    "export": "export.md",
    "serve": "serving.md",
    "update": "teaching.md",
    "forget": "teaching.md",
    "log": "teaching.md",
    "rollback": "teaching.md",
}


def verb_pages() -> Iterator[tuple[str, str, str]]:
    """Title, address and Markdown of the page of each command, in the parser's order."""
    for command, text in sections():
        name = " ".join(command.split()[1:])
        guide = f"[An example with its output](../{GUIDES[name]})\n\n" if name in GUIDES else ""
        yield name, f"cli/{name.replace(' ', '-')}.md", f"# {command}\n\n{guide}{text}"


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


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """The language of a page in Chinese, by which a browser chooses its fonts."""
    return output.replace('lang="en"', 'lang="zh-Hans"', 1) if page.file.src_uri.endswith(".zh.md") else output


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """In the page of lost readers, the theme's ``//search.html`` would be another host."""
    return output.replace('"//search.html', '"/search.html') if template_name == "404.html" else output
