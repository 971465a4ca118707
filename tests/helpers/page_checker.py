"""Reads a page as a browser would, strictly: nesting, ids, anchors, tables."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img"}
SELF_CLOSED_ONLY = {"rect", "line", "path"}
LIST_ITEMS = {"ul": "li", "tr": "td th", "dl": "dt dd"}


class PageChecker(HTMLParser):
    """Tags must balance, ids must be unique, and every anchor needs a target; keeps tags, attributes and text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text, self.tables, self.scripts = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []
        ids = [attrs["id"] for _, attrs in self.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        self.targets = {attrs["href"] for tag, attrs in self.tags if tag == "a"}
        assert self.targets <= {f"#{name}" for name in ids}

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        parent = self.open[-1] if self.open else ""
        assert parent not in LIST_ITEMS or tag in LIST_ITEMS[parent].split()
        assert not (parent == "p" and tag in {"p", "ul", "div", "table", "details", "figure"})
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SELF_CLOSED_ONLY
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def table(self, first):
        """The rows of the table whose header starts with ``first``."""
        return next(rows[1:] for rows in self.tables if rows[0][0] == first)

    def kinds(self, tag):
        """The classes of all elements with a tag."""
        return [attrs.get("class") for name, attrs in self.tags if name == tag]

    @property
    def said(self):
        """All text, in one line."""
        return " ".join(" ".join(self.text).split())
