"""The script of the page: comfort only. Everything can be read without it.

It sorts tables when a header is clicked, closes the opened cell of a confusion matrix with the Escape key, and opens
all collapsed parts at once. It reads and moves what is on the page and makes no markup from text.
"""

from __future__ import annotations

import base64
import hashlib

__all__ = ["SCRIPT", "digest"]

SCRIPT = """
"use strict";
(() => {
  const number = (cell) => {
    const found = cell.textContent.replace(/,/g, "").match(/-?[0-9.]+(e-?[0-9]+)?/);
    return found ? Number(found[0]) : NaN;
  };
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.textContent.localeCompare(b.textContent) : x - y;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const down = header.getAttribute("aria-sort") !== "descending";
        table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column]));
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && location.hash.startsWith("#cell-")) location.hash = "#confusion";
  });
  const nav = document.querySelector("nav");
  if (nav) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "open all";
    button.addEventListener("click", () => {
      const closed = document.querySelectorAll("details:not([open])").length > 0;
      document.querySelectorAll("details").forEach((one) => { one.open = closed; });
      button.textContent = closed ? "close all" : "open all";
    });
    nav.append(button);
  }
})();
"""
"""JavaScript that the content security policy allows by its digest, and nothing else."""


def digest(content: str) -> str:
    """The source expression of a content security policy that allows exactly this inline script or style.

    Examples:
        >>> digest("alert(1)")
        "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
