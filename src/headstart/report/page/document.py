"""The frame of a page: head, content security policy, heading, contents, sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from headstart.report.page.elements import PageSection, lines, paragraph, sections_html, text
from headstart.report.page.script import SCRIPT, digest
from headstart.report.page.style import STYLE

__all__ = ["KeyFigure", "document", "key_figures"]

# Even if markup from a label got through, nothing could be fetched, sent or run: the style sheet and the script are
# allowed by their digests alone, so no attribute that holds style or script has an effect.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
    f"style-src {digest(STYLE)}; script-src {digest(SCRIPT)}"
)

KeyFigure = tuple[str, str, str]
"""A figure, what it is, and its interval or a remark."""


def document(
    name: str,
    kind: str,
    verdict: str,
    sections: Iterable[PageSection],
    *,
    figures: Sequence[KeyFigure] = (),
    remarks: Sequence[str] = (),
    footer: str = "",
) -> str:
    """One self-contained page.

    Args:
        name: what it is about, such as the name of a model; untrusted text.
        kind: what it is, such as ``"report of the fit"``.
        verdict: the result in one or two sentences.
        sections: those with content are shown, and listed at the top.
        figures: two or three figures that matter.
        remarks: sentences below them.
        footer: the last line.

    Examples:
        >>> page = document("ants", "report of the fit", "It works.", [PageSection("data", "Data", "<p>12 rows</p>")])
        >>> page.count("<script>"), '<a href="#data">Data</a>' in page
        (1, True)
    """
    shown = [one for one in sections if one.html]
    contents = "\n".join(f'<a href="#{one.key}">{text(one.name)}</a>' for one in shown)
    return _PAGE.format(
        policy=escape(POLICY),
        title=text(name),
        kind=text(kind),
        style=STYLE,
        verdict=text(verdict),
        figures=key_figures(figures),
        remarks="\n".join(paragraph(remark, "soft") for remark in remarks),
        contents=contents,
        body=sections_html(shown),
        footer=text(footer) if footer else "",
        script=SCRIPT,
    )


def key_figures(figures: Sequence[KeyFigure]) -> str:
    """The figures that matter, large; empty for none.

    Examples:
        >>> key_figures([("94%", "accuracy", "95% interval 88% to 96%")]).count("<strong>94%</strong>")
        1
    """
    cards = [
        f'<li><span>{text(what)}</span> <strong>{text(value)}</strong> <span class="soft">{text(remark)}</span></li>'
        for value, what, remark in figures
    ]
    return f'<ul class="figures">\n{lines(cards)}</ul>' if cards else ""


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}: {kind}</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="kind">{kind}</p>
<h1>{title}</h1>
<p class="lead">{verdict}</p>
{figures}
{remarks}
</header>
<nav aria-label="Contents">
{contents}
</nav>
<main>
{body}
</main>
<footer>
<p class="soft">{footer}</p>
</footer>
<script>{script}</script>
</body>
</html>
"""
