"""The model card: Markdown with the front matter that Hugging Face reads."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from headstart.report.content import facts
from headstart.report.content.strategy import strategy_sentences
from headstart.report.content.tables import class_table, interval_words
from headstart.report.content.words import interval, metric_words, number, one_line

__all__ = ["model_card"]

MAX_CLASSES = 30

# Licence names that the Hugging Face Hub accepts; for any other licence the card gives "other" and the licence name.
# https://huggingface.co/docs/hub/repositories-licenses
_HUB_LICENCES = {
    *("apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "isc", "mpl-2.0", "unlicense"),
    *("gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0"),
    *("openrail", "bigscience-openrail-m", "creativeml-openrail-m"),
    *("cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
}

_ITEMS = {
    "image": ("photo.jpg", '["photo.jpg"]'),
    "audio": ("sound.wav", '["sound.wav"]'),
    "text": ("items.csv", '["a text to judge"]'),
    "vector": ("rows.csv", "rows"),  # an array (n, features)
    "multimodal": ("rows.csv", "frame"),  # a DataFrame
}


def model_card(record: Mapping[str, Any], name: str) -> str:
    """The model card of a fit.

    All content comes from the record. Labels, file names and messages are escaped, so they cannot act as Markdown or
    HTML.

    Args:
        record: the record of a fit, as `headstart.transfer.stages.record.make_record` returns it.
        name: the model's name, which is the name of its run folder.

    Returns:
        Markdown with YAML front matter.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> card = model_card(EXAMPLE, "answers")
        >>> card.splitlines()[:3]
        ['---', 'library_name: headstart', 'tags:']
        >>> "Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items" in card
        True
    """
    header, classes = class_table(record)
    sections = [
        ("What it does", _purpose(record)),
        ("Data", _data(record)),
        ("Evaluation", f"{_block(facts.how_judged(record))}\n\n{_metrics(record)}"),
        ("Baselines and transfer gain", _gain(record)),
        ("Fine-tuning", _list(strategy_sentences(record))),
        (f"Metrics per {header[0].lower()}", _classes(header, classes, interval_words(record))),
        ("Limits and intended use", _limits(record)),
        ("How to use it", _usage(record, name)),
        ("Provenance", _table(("What", "Value"), facts.provenance(record))),
    ]
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections if text)
    return f"{_front_matter(record)}\n# {_inline(name)}\n\n{_block(facts.headline(record))}\n\n{body}\n"


def _inline(text: object) -> str:
    """Untrusted text, escaped so that Markdown and HTML show it literally within a line."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_{}\[\]|~#$@])", r"\\\1", line)
    return line.replace("://", r"\://").replace("www.", r"www\.")  # GitHub turns these into links


def _block(text: object) -> str:
    """`_inline` for the start of a line, where the text must not begin a list, a rule or a heading."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", _inline(text))


def _front_matter(record: Mapping[str, Any]) -> str:
    tags = ["transfer-learning", record["data"]["modality"], record["task"]["kind"]]
    lines = [*_licence(record["source"].get("license")), "library_name: headstart", "tags:"]
    lines += [f"- {tag}" for tag in tags]
    lines += ["metrics:", *(f"- {json.dumps(key)}" for key in record["evaluation"]["metrics"])]
    return "\n".join(["---", *lines, "---", ""])


def _licence(stated: str | None) -> Iterator[str]:
    """Licence lines of the front matter; JSON strings are also YAML strings."""
    if not stated:
        return
    slug = re.sub(r"[^a-z0-9.]+", "-", stated.lower()).strip("-")
    if slug in _HUB_LICENCES:
        yield f"license: {slug}"
    else:
        yield "license: other"
        yield f"license_name: {json.dumps(slug)}"


def _purpose(record: Mapping[str, Any]) -> str:
    return f"{_block(facts.purpose(record))}\n\n{_block(facts.how_made(record))}"


def _data(record: Mapping[str, Any]) -> str:
    found = [f"{severity}: {message}" for severity, message in facts.findings(record)]
    audit = f"What the audit found:\n\n{_list(found)}" if found else "The audit found nothing."
    return f"{_list(facts.data_used(record))}\n\n{audit}"


def _metrics(record: Mapping[str, Any]) -> str:
    rows = [
        (words.title, number(metric["value"]), interval(metric), words.meaning)
        for words, metric in ((metric_words(key), value) for key, value in record["evaluation"]["metrics"].items())
    ]
    return _table(("Metric", "Value", "95% interval", "Meaning"), rows)


def _gain(record: Mapping[str, Any]) -> str:
    sentences = facts.baseline_sentences(record)
    compared = _list(sentences) if sentences else "No baseline was compared."
    return f"{compared}\n\n**Transfer gain.** {_inline(facts.gain_sentence(record))}"


def _classes(header: Sequence[str], rows: Sequence[Sequence[str]], intervals: str) -> str:
    if not rows:
        return ""
    hidden = len(rows) - MAX_CLASSES
    caption = f"Worst first, with {intervals}{f'; the {hidden} best are not shown' if hidden > 0 else ''}."
    return f"{caption}\n\n{_table(header, rows[:MAX_CLASSES])}"


def _limits(record: Mapping[str, Any]) -> str:
    found = facts.limits(record)
    listed = f"\n\n{_list(found)}" if found else ""
    return f"{_block(facts.intended_use(record))}{listed}"


def _usage(record: Mapping[str, Any], name: str) -> str:
    item, items = _ITEMS[record["data"]["modality"]]
    return (
        f"```sh\nheadstart predict {shlex.quote(one_line(name))} {item}\n```\n\n"
        f"```python\nfrom headstart.model import TransferModel\n\n"
        f"model = TransferModel.load({name!r})\nprint(model.predict({items}))\n```"
    )


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_block(line)}" for line in lines)


def _table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_inline(cell) if cell else "" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
