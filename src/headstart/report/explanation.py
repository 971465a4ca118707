"""The page of an explanation: one self-contained file in the style of the report, without scripts or network."""

from __future__ import annotations

from html import escape

from headstart.attributions import ColumnShares, Explanation, Shown, TextShares
from headstart.attributions.html import ATTRIBUTION_STYLE
from headstart.report.page.style import STYLE
from headstart.reporting.text import one_line, visible

__all__ = ["explanation_page"]

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="soft">explanation of one answer of {name}</p>
{item}
</header>
<main>
{body}
</main>
</body>
</html>
"""


def explanation_page(explanation: Explanation, name: str) -> str:
    """An explanation as one HTML page; the text of the item, labels and names are escaped.

    Args:
        explanation: from `headstart.explain.explain`.
        name: of the model, such as its run folder's.

    Returns:
        HTML.

    Examples:
        >>> from headstart.attributions import Attribution, TextShare, TextShares
        >>> words = TextShares("<script>", (TextShare("<script>", 0, 8, 1.0),))
        >>> one = Attribution("leave_one_word_out", "Words", words, "the score of 'a'", "score", 1.0)
        >>> found = Explanation("<script>", "text", "toy, ridge", "a", "a", "", {"a": 1.0}, (one,))
        >>> page = explanation_page(found, "run")
        >>> "<script" in page, "<h1>Why a</h1>" in page
        (False, True)
    """
    item = ""
    if explanation.modality in ("image", "audio"):
        item = f'<p class="soft">{escape(one_line(explanation.item))}</p>'
    elif not any(_shows_item(one.shown, explanation.item) for one in explanation.attributions):
        item = f'<blockquote dir="auto">{escape(visible(explanation.item))}</blockquote>'
    return _PAGE.format(
        policy=escape(POLICY),
        title=escape(one_line(explanation.headline)),
        style=STYLE + ATTRIBUTION_STYLE + ".soft { opacity: 1; }",
        name=escape(one_line(name)),
        item=item,
        body=explanation.to_html(),
    )


def _shows_item(shown: Shown, item: str) -> bool:
    """Whether an attribution shows the item as a whole: its text, or the value of each column."""
    return isinstance(shown, ColumnShares) or (isinstance(shown, TextShares) and shown.text == item)
