"""The site under docs/: it builds strictly, loads nothing from the network, and its sessions are real."""

from __future__ import annotations

import contextlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_blocks import SHELL, blocks, headstart_commands, shell_lines
from sessions import Player, entries, goes_on_from, holds, is_slow, masked, promises, shown

from headstart.cli import build_parser
from headstart.cli.reference import sections

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GENERATED = {"cli.md", "methods.md"}
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if path.name not in GENERATED)
LOADED = {"src", "srcset", "poster", "data", "action", "background"}  # attributes whose address a browser opens


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


class Addresses(HTMLParser):
    """The addresses that a browser loads by itself when it opens a page: not the links that a reader may follow."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in LOADED or (name == "href" and tag not in ("a", "area"))):
                self.found.append(value)
            if value and name == "style":
                self.found += styled(value)


def styled(css: str) -> list[str]:
    return [
        found.strip(" '\"") for found in re.findall(r"url\(([^)]*)\)|@import\s+[\"']([^\"']+)", css) for found in found
    ]


def foreign(addresses: list[str]) -> list[str]:
    return [address for address in addresses if re.match(r"(?:[a-z]+:)?//", address.strip(), re.IGNORECASE)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as mkdocs builds it from this source; a warning of mkdocs fails the build."""
    import logging

    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    logging.getLogger("mkdocs").handlers.clear()
    yield folder
    shutil.rmtree(folder)


def test_a_page_loads_nothing_from_the_network(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for path in pages:
        parser = Addresses()
        parser.feed(path.read_text(encoding="utf-8"))
        assert parser.found
        assert foreign(parser.found) == [], path.name
    for path in site.rglob("*.css"):
        assert foreign(styled(path.read_text(encoding="utf-8"))) == [], path.name


def test_foreign_addresses_are_found():
    parser = Addresses()
    parser.feed(
        '<a href="https://a.example">a link</a><script src="https://b.example/x.js"></script>'
        '<link href="//c.example/y.css"><img src="here.png" style="background: url(http://d.example/z.png)">'
    )
    assert foreign(parser.found) == ["https://b.example/x.js", "//c.example/y.css", "http://d.example/z.png"]
    assert foreign(styled("@import 'https://e.example/f.css'; a { b: url(../g.woff) }")) == ["https://e.example/f.css"]


def test_every_command_has_a_page_of_its_own(site):
    for command, _ in sections():
        page = site / "cli" / f"{'-'.join(command.split()[1:])}.html"
        assert f"usage: {command}" in page.read_text(encoding="utf-8")


def test_the_page_of_a_command_leads_to_its_example(site):
    text = (site / "cli" / "rollback.html").read_text(encoding="utf-8")
    assert 'href="../teaching.html"' in text


def test_pages_in_chinese_say_so(site):
    assert '<html class="writer-html5" lang="zh-Hans"' in (site / "start.zh.html").read_text(encoding="utf-8")
    assert 'lang="zh' not in (site / "start.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_parse(name):
    for block in blocks(read(name)):
        for arguments in headstart_commands(shell_lines(block)) if block.language in SHELL else []:
            build_parser().parse_args(arguments)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A function that runs a page once, in a new folder or that of the page it goes on from: promised, printed."""
    done: dict[str, tuple[Path, list[tuple[list[str], list[str]]]]] = {}

    def play(name: str) -> tuple[Path, list[tuple[list[str], list[str]]]]:
        if name not in done:
            before = goes_on_from(read(name))
            folder = play(before)[0] if before else tmp_path_factory.mktemp("page")
            player = Player(folder)
            with contextlib.chdir(folder), contextlib.closing(player):
                pairs = [
                    pair
                    for match, printed in player.play(read(name))
                    for pair in zip(promises(match), printed, strict=True)
                ]
            done[name] = folder, pairs
        return done[name]

    yield play
    for folder in {folder for folder, _ in done.values()}:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if is_slow(read(name)) else [])
        for name in PAGES
        if "```console" in read(name) or "```python" in read(name)
    ],
)
def test_the_sessions_of_a_page_are_what_the_code_prints(name, played):
    _, pairs = played(name)
    assert pairs
    for promised, printed in pairs:
        assert holds(promised, printed), (promised, printed)


def test_the_page_of_export_and_the_help_name_each_format():
    from headstart.export import FORMATS

    table = re.findall(r"^\| `([\w-]+)` \|", read("export.md"), flags=re.MULTILINE)
    assert set(table) == set(FORMATS)
    assert [name for name in table if name not in dict(sections())["headstart export"]] == []


def test_the_routes_that_the_pages_name_are_served():
    from fastapi import FastAPI

    from headstart.serve.routes import add_routes

    app = FastAPI()
    add_routes(app, None)
    served = {(method, route.path) for route in app.routes for method in route.methods}
    named = set(re.findall(r"`(GET|POST) (/\w+)`", read("serving.md")))
    assert len(named) >= 8
    assert named <= served


def test_lines_are_compared_without_numbers_units_and_formats():
    assert masked("saved runs/a (17.5 s in all); 130 kB") == masked("saved runs/a (2 min 5 s in all); 1,240 kB")
    assert masked("1\tdamaged 0.97 in bf16") == masked("1\tdamaged 0.85 in fp32")
    assert masked("headstart:text 0.97") != masked("headstart:image 0.97")


def test_an_ellipsis_stands_for_lines_and_order_counts():
    assert holds(["a 1", "...", "c 3"], ["a 9", "b", "c 4"])
    assert not holds(["c 3", "...", "a 1"], ["a 9", "b", "c 4"])
    assert not holds(["a 1", "c 3"], ["a 9", "b", "c 4"])
    assert shown(["a", "b", "c", "d"], "a|d") == ["a", "...", "d"]


def test_a_command_may_go_on_over_lines():
    (first, second) = entries("$ curl x \\\n  -d y\n{}\n$ ls\n")
    assert (first.command, first.promised) == ("curl x \\\n  -d y", ["{}"])
    assert (second.command, second.promised) == ("ls", [])
