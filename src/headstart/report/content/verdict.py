"""The result of a fit or an evaluation for a reader in a hurry: a verdict and the two or three figures that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headstart.report.content.facts import evaluation_headline, headline
from headstart.report.content.kinds import base_of, items_of
from headstart.report.content.tables import class_rows
from headstart.report.content.words import defined, interval, metric_words, number, one_line, shortened

__all__ = ["key_figures", "share", "verdict"]

Record = Mapping[str, Any]

MANY = 200
"""From this number of items on, a share is given with a decimal."""

MOST_FIGURES = 3

_ITEMS = {"image": "images", "text": "texts", "audio": "sounds", "vector": "rows", "multimodal": "items"}


def share(value: float, n: int) -> str:
    """A share in percent, with a decimal where there are enough items to tell.

    Examples:
        >>> share(0.9346, 153), share(0.9346, 3080)
        ('93%', '93.5%')
    """
    return f"{value:.1%}" if n >= MANY else f"{value:.0%}"


def verdict(record: Record) -> str:
    """What the model achieves, whether that is more than the baselines, and what makes it doubtful.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EVALUATION, EXAMPLE
        >>> verdict(EXAMPLE)
        '83% of the held-out rows are classified correctly (95% interval 55% to 95%); the most common class alone \
would reach 50%. The model is better than the majority baseline.'
        >>> verdict(EVALUATION)
        '83% of the 12 rows of may.csv are classified correctly (95% interval 55% to 95%). This model was fitted on \
3 of the 12 items, so these metrics are too good.'
    """
    return " ".join(filter(None, (_achieved(record), _compared(record), *map(one_line, record.get("warnings", ())))))


def _achieved(record: Record) -> str:
    evaluation = record["evaluation"]
    key, metric = next(iter(evaluation["metrics"].items()))
    plain = headline(record) if "baselines" in record else evaluation_headline(record)
    if not defined(metric["value"]):
        return plain
    base, items = base_of(record), items_of(record, _ITEMS)
    n = evaluation["n"]
    where = f"the held-out {items}"
    if "baselines" not in record:
        where = f"the {n:,} {items} of {one_line(record['data']['origin'])}"
    if base == "classification" and key == "accuracy":
        majority = record.get("baselines", {}).get("majority", {}).get("metrics", {}).get(key, {}).get("value")
        beside = f"; the most common class alone would reach {share(majority, n)}" if defined(majority) else ""
        return f"{share(metric['value'], n)} of {where} are classified correctly{_interval(metric, n)}{beside}."
    error = evaluation["metrics"].get("mae", {}).get("value")
    if base == "regression" and key == "r2" and defined(error):
        explained = f"The model explains {share(metric['value'], n)} of the variance in {where}{_interval(metric, n)}"
        if metric["value"] <= 0:
            explained = f"The model predicts {where} no better than their mean would (R² {number(metric['value'])})"
        return f"{explained}; the mean absolute error is {number(error)}."
    return plain


def _interval(metric: Mapping[str, Any], n: int) -> str:
    low, high = metric.get("low"), metric.get("high")
    return f" (95% interval {share(low, n)} to {share(high, n)})" if defined(low) and defined(high) else ""


def _compared(record: Record) -> str:
    baselines = record.get("baselines") or {}
    if not baselines:
        return ""
    unclear = [name for name, one in baselines.items() if not defined(one["gain"]["low"]) or one["gain"]["low"] <= 0]
    if unclear:
        return f"The model has not been shown to be better than {' and '.join(map(one_line, unclear))}."
    which = f"the {one_line(*baselines)} baseline" if len(baselines) == 1 else f"each of the {len(baselines)} baselines"
    return f"The model is better than {which}."


def key_figures(record: Record) -> list[tuple[str, str, str]]:
    """At most three figures: value, what it is, and its interval or a remark.

    The main metric; the gain over the strongest baseline; and the weakest class, or of a regression the mean error.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> for figure in key_figures(EXAMPLE):
        ...     print(figure)
        ('83%', 'accuracy', '95% interval 55% to 95%')
        ('+33 points', 'accuracy above majority, the best baseline', '95% interval 8 to 58')
        ('0.800', "F1 of 'no', the weakest of 2 classes", '95% interval 0.400 to 1.000')
    """
    return [*_main(record), *_gain(record), *_third(record)][:MOST_FIGURES]


def _main(record: Record) -> Iterator[tuple[str, str, str]]:
    key, metric = next(iter(record["evaluation"]["metrics"].items()))
    n, words = record["evaluation"]["n"], metric_words(key)
    if key == "accuracy" and defined(metric["value"]):
        bounds = _interval(metric, n).strip(" ()") or "no interval"
        yield share(metric["value"], n), words.name, bounds
    else:
        bounds = interval(metric)
        yield number(metric["value"]), words.name, f"95% interval {bounds}" if bounds else "no interval"


def _gain(record: Record) -> Iterator[tuple[str, str, str]]:
    baselines = record.get("baselines") or {}
    key = next(iter(record["evaluation"]["metrics"]))
    known = {name: one for name, one in baselines.items() if defined(one["metrics"].get(key, {}).get("value"))}
    if not known:
        return
    name = max(known, key=lambda one: known[one]["metrics"][key]["value"])
    gain = known[name]["gain"]
    if not defined(gain["value"]):
        return
    what = f"{metric_words(key).name} above {one_line(name)}, the best baseline"
    bounds = [gain["low"], gain["high"]]
    if key == "accuracy":
        shown = (
            "95% interval {:.0f} to {:.0f}".format(*(100 * end for end in bounds)) if all(map(defined, bounds)) else ""
        )
        yield f"{100 * gain['value']:+.0f} points", what, shown or "no interval"
    else:
        shown = "95% interval {} to {}".format(*map(number, bounds)) if all(map(defined, bounds)) else ""
        yield f"{gain['value']:+.3f}", what, shown or "no interval"


def _third(record: Record) -> Iterator[tuple[str, str, str]]:
    binary = record.get("diagrams", {}).get("binary")
    if binary:
        half = next(one for one in binary["thresholds"] if one["name"] == "0.5")
        rates = [half["sensitivity"], half["specificity"]]
        ends = [f"{one['low']:.0%} to {one['high']:.0%}" for one in rates]
        what = f"sensitivity and specificity for '{shortened(binary['positive'], 30)}'"
        yield " / ".join(f"{one['share']:.0%}" for one in rates), what, f"95% intervals {' and '.join(ends)}"
        return
    if base_of(record) == "regression":
        error = record["evaluation"]["metrics"].get("mae")
        if error and defined(error["value"]):
            bounds = interval(error)
            targets = record["task"]["labels"]
            unit = f", in units of {shortened(targets[0], 30)}" if len(targets) == 1 else ""
            remark = f"95% interval {bounds}" if bounds else "no interval"
            yield number(error["value"]), f"mean absolute error{unit}", remark
        return
    rows = [row for row in class_rows(record) if row.value is not None]
    if len(rows) > 1:
        worst, bounds = rows[0], interval(rows[0].metrics[rows[0].key])
        kinds = "types" if base_of(record) == "token" else "classes"
        what = f"{metric_words(worst.key).name} of '{shortened(worst.label, 30)}', the weakest of {len(rows)} {kinds}"
        yield number(worst.value), what, f"95% interval {bounds}" if bounds else "no interval"
