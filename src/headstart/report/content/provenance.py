"""Provenance: the data, source, settings and software versions behind a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.data.text.languages import language_names
from headstart.report.content.words import defined, one_line

__all__ = ["provenance"]

Record = Mapping[str, Any]


def provenance(record: Record) -> list[tuple[str, str]]:
    """The provenance of a report, as names and values.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> dict(provenance(EXAMPLE))["Seed"]
        '0'
    """
    source, data, seconds = record["source"], record["data"], record["seconds"]
    inputs = "; ".join(f"{name} {value}" for name, value in source.get("input", {}).items())
    rows = [
        ("Model", record.get("model")),
        ("Source", source["name"]),
        ("Source chosen", _chosen(record.get("source_choice"))),
        ("Source architecture", source.get("architecture")),
        ("Source parameters", f"{source['parameters']:,}" if source.get("parameters") else None),
        ("Source licence", source.get("license") or (None if source["name"] == "vector" else "not stated")),
        ("Source languages", _languages(record)),
        ("Source revision", source.get("revision")),
        ("Source sha256", source.get("sha256")),
        ("Source input", inputs),
        ("Data", data["origin"]),
        ("Data sha256", data["sha256"]),
        ("Items read, used", f"{data['items']:,}, {data['used']:,}"),
        ("Command", record["command"]),
        ("Seed", record["seed"]),
        ("Seconds", _seconds(seconds)),
        ("Encoding", _encoding(record.get("encoding", {}))),
        ("int8", record.get("encoding", {}).get("int8", {}).get("why")),
        *record["environment"].items(),
    ]
    return [(one_line(name), one_line(value)) for name, value in rows if value not in (None, "")]


def _seconds(seconds: Mapping[str, float]) -> str:
    encoding = f", {seconds['encoding']:.1f} for encoding" if "encoding" in seconds else ""
    return f"{seconds['fit']:.1f} in total{encoding}"


def _chosen(choice: Mapping[str, Any] | None) -> str | None:
    """Why the source was chosen, on what, and what that cost; None for one that was named."""
    if not choice:
        return None
    if "columns" in choice:
        return "; ".join(f"{column}: {_chosen(one)}" for column, one in choice["columns"].items())
    cost = f" ({choice['seconds']:.1f} s)" if defined(choice.get("seconds")) else ""
    return f"{choice['chosen']}: {choice['why'].removesuffix('.')}; chosen on {choice['chosen_on']}{cost}"


def _languages(record: Record) -> str | None:
    source = record["source"]
    return language_names(source.get("languages", ())) if source.get("modality") == "text" else None


def _encoding(how: Mapping[str, Any]) -> str:
    """Backend and number format, and how many items the body encoded; empty where there is no body."""
    if not how.get("backend"):
        return ""
    backend = " ".join(filter(None, (how["backend"], how["precision"])))
    return f"{backend}; {how['encoded']:,} items encoded, {how['from_store']:,} from the feature store"
