"""Sentences of the reports, each derived from the record of a fit or an evaluation alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headstart.annotations.units import ANNOTATIONS_OF, ITEM_OF, in_units
from headstart.data.auditing.text_findings import percent, script_words
from headstart.report.content.kinds import base_of, items_of
from headstart.report.content.provenance import provenance
from headstart.report.content.tables import class_rows
from headstart.report.content.words import defined, interval, metric_words, number, one_line, series, shortened
from headstart.reporting.wording import plural

__all__ = [
    "baseline_sentences",
    "data_used",
    "evaluation_headline",
    "evaluation_limits",
    "findings",
    "gain_sentence",
    "headline",
    "how_judged",
    "how_made",
    "intended_use",
    "limits",
    "provenance",
    "purpose",
    "text_sentences",
]

Record = Mapping[str, Any]

FEW_ITEMS = 100
"""Below this number of evaluated items, intervals are wider than 0.08 even at an accuracy of 0.95 (Wilson)."""

FEW_OF_A_CLASS = 10
"""Below this number of items, one more mistake changes a class's recall by more than 0.1."""

WEAK = {"f1": 0.7, "r2": 0.5, "ap50": 0.5, "iou": 0.5}
"""Labels and targets with a lower F1, R², average precision or overlap are listed as weak."""

MISCALIBRATED = 0.1
"""Calibration errors of this size or more are listed as a limit."""

# Settings that only image preprocessing has: timm's names, then those of transformers.
_PICTURE = {"interpolation", "crop_pct", "image_mean", "do_resize"}

_MARKS = {"token": "marks words", "box": "draws boxes around objects", "mask": "marks pixels"}

_ITEM = {"image": "an image", "text": "a text", "audio": "a sound", "vector": "a row of numbers",
         "multimodal": "a row of several columns"}  # fmt: skip
_ITEMS = {"image": "images", "text": "texts", "audio": "sounds", "vector": "rows of numbers",
          "multimodal": "rows of several columns"}  # fmt: skip


def _main(record: Record) -> tuple[str, Mapping[str, Any]]:
    key, metric = next(iter(record["evaluation"]["metrics"].items()))
    return key, metric


def _items(count: int, record: Record) -> str:
    return in_units("1 item" if count == 1 else f"{count:,} items", record.get("task", {}).get("kind", ""))


def headline(record: Record) -> str:
    """The main metric in one sentence, beside that of the majority class where it is known.

    Args:
        record: the facts of a fit, as ``metrics.json`` and ``manifest.json`` together hold them.

    Examples:
        >>> accuracy = {"value": 0.75, "low": 0.301, "high": 0.954}
        >>> headline({"evaluation": {"n": 4, "metrics": {"accuracy": accuracy}}, "baselines": {}})
        'Accuracy is 0.750 (95% interval 0.301 to 0.954) on 4 items that were held out from fitting.'
    """
    key, metric = _main(record)
    name = metric_words(key).title
    held_out = f"{_items(record['evaluation']['n'], record)} that were held out from fitting"
    if not defined(metric["value"]):
        return f"{name} is undefined on the {held_out}."
    sentence = f"{name} is {number(metric['value'])}{_in_brackets(metric)} on {held_out}"
    majority = record["baselines"].get("majority", {}).get("metrics", {}).get(key, {}).get("value")
    if key == "accuracy" and defined(majority):
        return f"{sentence}; always predicting the most common class reaches {number(majority)}."
    return f"{sentence}."


def _in_brackets(metric: Mapping[str, Any]) -> str:
    bounds = interval(metric)
    return f" (95% interval {bounds})" if bounds else ""


def purpose(record: Record) -> str:
    """The input and the output of the model.

    Args:
        record: the facts of a fit.

    Examples:
        >>> purpose({"task": {"kind": "regression", "labels": ["price"]}, "data": {"modality": "text"}})
        'For a text, it estimates 1 value: price.'
    """
    labels = record["task"]["labels"]
    count, names = len(labels), series(map(shortened, labels), 20)
    item, base = _ITEM[record["data"]["modality"]], base_of(record)
    if base == "classification":
        return f"For {item}, it gives a calibrated probability for each of {count} classes: {names}."
    if base == "multilabel":
        return f"For {item}, it gives a probability for each of {count} labels, any number of which may apply: {names}."
    if base in _MARKS:
        kind = "type" if base == "token" else "class"
        return f"In a {ITEM_OF[base]}, it {_MARKS[base]} of {plural(count, kind)}: {names}."
    return f"For {item}, it estimates {count} {'value' if count == 1 else 'values'}: {names}."


def how_made(record: Record) -> str:
    """The body and the head, in two sentences.

    Args:
        record: the facts of a fit.

    Examples:
        >>> head = {"name": "ridge", "features": "x", "num_features": 64, "lambda": 0.5, "left_out_loss": 0.25}
        >>> how_made({"source": {"name": "vector"}, "head": head | {"compared": [{}]}})
        'The rows are used as they are. The head is ridge on x (64 features) with λ = 0.5, out-of-fold loss 0.250.'
    """
    source, head = record["source"], record["head"]
    size = f" ({source['parameters'] / 1e6:.1f} million parameters)" if source.get("parameters") else ""
    fine_tuned = record.get("strategy", {}).get("kept", "head") != "head"
    body = f"The body is {one_line(source['name'])}{size}, {'fine-tuned on this task' if fine_tuned else 'frozen'}."
    if source["name"] == "vector":
        body = "The rows are used as they are."
    if "left_out_metric" in head:  # of annotated items
        metric, value = metric_words(head["left_out_metric"]).name, head["left_out"]
        items = f"training {ITEM_OF[base_of(record)]}s"
        left_out = f"; {metric} is {number(value)} on left-out {items}" if defined(value) else ""
        return f"{body} The head is the {one_line(head['name'])}{left_out}."
    compared = len(head["compared"])
    penalty = f" with λ = {head['lambda']:.3g}" if defined(head["lambda"]) else ""
    choice = f", chosen from {compared} combinations of head and features" if compared > 1 else ""
    return (
        f"{body} The head is {one_line(head['name'])} on {one_line(head['features'])} "
        f"({head['num_features']:,} features){penalty}{choice}, "
        f"out-of-fold loss {number(head['left_out_loss'])}."
    )


def how_judged(record: Record) -> str:
    """How the model was evaluated and on how many items, and whether these items also chose it.

    Args:
        record: the facts of a fit.

    Examples:
        >>> how_judged({"evaluation": {"how": "given test split", "n": 4}})
        'Evaluation: given test split; 4 items.'
    """
    evaluation = record["evaluation"]
    caution = ((record.get("search") or {}).get("decision") or {}).get("caution")
    said = f"Evaluation: {one_line(evaluation['how'])}; {_items(evaluation['n'], record)}."
    return f"{said} {one_line(caution)}" if caution else said


def baseline_sentences(record: Record) -> list[str]:
    """The main metric of each baseline, and the gain of the model over it.

    Args:
        record: the facts of a fit.

    Examples:
        >>> accuracy = {"value": 0.5, "low": 0.4, "high": 0.6}
        >>> majority = {"metrics": {"accuracy": accuracy}, "gain": {"verdict": "The transfer helped."}}
        >>> baseline_sentences({"baselines": {"majority": majority}})
        ['majority: accuracy 0.500 (95% interval 0.400 to 0.600). The transfer helped.']
    """
    sentences = []
    for name, baseline in record["baselines"].items():
        key, metric = next(iter(baseline["metrics"].items()))
        reached = f"{metric_words(key).name} {number(metric['value'])}"
        sentences.append(f"{one_line(name)}: {reached}{_in_brackets(metric)}. {one_line(baseline['gain']['verdict'])}")
    return sentences


def gain_sentence(record: Record) -> str:
    """The transfer gain over the same body with random weights, or why there is none.

    Args:
        record: the facts of a fit.

    Examples:
        >>> gain_sentence({"transfer_gain": None, "source": {"name": "vector"}})
        'There is no pretrained body, so there is no transfer gain: the rows were used as they are.'
    """
    if record["transfer_gain"] is not None:
        return one_line(record["transfer_gain"]["verdict"])
    if record["source"]["name"] == "vector":
        return "There is no pretrained body, so there is no transfer gain: the rows were used as they are."
    return "The transfer gain is unknown: the same body with random weights was not compared."


def findings(record: Record) -> list[tuple[str, str]]:
    """The findings of the data audit: severity and message, with examples.

    Args:
        record: the facts of a fit.

    Examples:
        >>> found = {"severity": "warning", "message": "1 item is empty.", "examples": ["a.txt"]}
        >>> findings({"data": {"audit": [found]}})
        [('warning', '1 item is empty (such as a.txt).')]
    """
    return [(one_line(each["severity"]), _with_examples(each)) for each in record["data"]["audit"]]


def _with_examples(finding: Mapping[str, Any]) -> str:
    message, examples = one_line(finding["message"]), finding.get("examples") or ()
    return f"{message.removesuffix('.')} (such as {', '.join(map(one_line, examples))})." if examples else message


def data_used(record: Record) -> list[str]:
    """How many items were read and used, and what was inferred while reading them.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> data_used(EXAMPLE)
        ['12 rows of numbers were read and 12 were used.', "The label column is 'answer'."]
    """
    data = record["data"]
    lines = [f"{data['items']:,} {items_of(record, _ITEMS)} were read and {data['used']:,} were used."]
    if count := len(data["set_aside"]):
        lines.append(f"{count:,} could not be encoded and {'was' if count == 1 else 'were'} set aside.")
    return [*lines, *text_sentences(record), *(one_line(note) for note in data["notes"])]


def text_sentences(record: Record) -> list[str]:
    """The scripts of the texts, and how well the source's tokenizer covers them.

    Args:
        record: the facts of a fit.

    Examples:
        >>> facts = {"column": "", "texts": 9, "scripts": {"Han": 1.0}, "source": "toy", "unknown": None}
        >>> text_sentences({"data": {"texts": [facts]}})
        ['Scripts of the texts: Han 100%.']
    """
    sentences = []
    for facts in record["data"].get("texts", ()):
        where = f" in the column '{one_line(facts['column'])}'" if facts["column"] else ""
        sentences.append(f"Scripts of the texts{where}: {script_words(facts['scripts']) or 'no letters'}.")
        if facts["unknown"] is not None:
            pieces = facts["pieces_per_word"]
            words = "" if pieces is None else f", {pieces:.2f} tokens per word"
            longer = f"{percent(facts['truncated'])} of the texts are longer than the {facts['max_length']} tokens"
            share = f" ({letters} of the letters)" if (letters := script_words(facts["unknown_letters"])) else ""
            unknown = f"{percent(facts['unknown'])} of the tokens are unknown{share}{words}"
            sentences.append(f"With the tokenizer of {one_line(facts['source'])}, {unknown}; {longer} that it reads.")
    return sentences


def intended_use(record: Record) -> str:
    """The items that the metrics hold for.

    Args:
        record: the facts of a fit.

    Examples:
        >>> intended_use({"data": {"modality": "text", "origin": "mails.csv"}, "task": {"kind": "regression"}})
        'Intended for texts like those of mails.csv; it has not been evaluated on others.'
    """
    data = record["data"]
    origin = f"those of {one_line(data['origin'])}" if data["origin"] else "those that it was fitted on"
    sentence = f"Intended for {items_of(record, _ITEMS)} like {origin}; it has not been evaluated on others."
    if base_of(record) == "classification":
        sentence += (
            " It always predicts one of its classes, even for an item that belongs to none of them: headstart predict "
            "--novel marks items unlike the training data, and --max-error leaves unsure answers empty."
        )
    return sentence


def limits(record: Record) -> list[str]:
    """What to know before trusting the model, from the record alone.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> limits(EXAMPLE)[0]
        'Only 12 items were evaluated, so the metrics are imprecise: the 95% interval of accuracy is 0.552 to 0.953.'
    """
    return [*_limits_of_items(record), *_limits_of_labels(record), *_limits_of_gain(record), *_limits_of_source(record)]


def evaluation_headline(record: Record) -> str:
    """The main metric of an evaluation in one sentence.

    Args:
        record: the facts of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EVALUATION
        >>> evaluation_headline(EVALUATION)
        'Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items of may.csv.'
    """
    key, metric = _main(record)
    name, where = (
        metric_words(key).title,
        f"{_items(record['evaluation']['n'], record)} of {one_line(record['data']['origin'])}",
    )
    if not defined(metric["value"]):
        return f"{name} is undefined on the {where}."
    return f"{name} is {number(metric['value'])}{_in_brackets(metric)} on {where}."


def evaluation_limits(record: Record) -> list[str]:
    """What to know before trusting the metrics of an evaluation.

    Args:
        record: the facts of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EVALUATION
        >>> evaluation_limits(EVALUATION)[0]
        'This model was fitted on 3 of the 12 items, so these metrics are too good.'
    """
    return [*map(one_line, record["warnings"]), *_limits_of_items(record), *_limits_of_labels(record)]


def _limits_of_items(record: Record) -> Iterator[str]:
    (key, metric), evaluation = _main(record), record["evaluation"]
    name = metric_words(key).name
    items = in_units("items", base_of(record))
    if not defined(metric["value"]):
        yield f"The main metric, {name}, is undefined on the evaluated {items}, so the quality of the model is unknown."
    elif evaluation["n"] < FEW_ITEMS:
        bounds = interval(metric)
        wide = f": the 95% interval of {name} is {bounds}" if bounds else ""
        yield f"Only {_items(evaluation['n'], record)} were evaluated, so the metrics are imprecise{wide}."
    error = evaluation["metrics"].get("ece", {}).get("value")
    if defined(error) and error >= MISCALIBRATED:
        yield f"Probabilities are poorly calibrated: the calibration error is {number(error)}."
    if sentence := (evaluation.get("shift") or {}).get("sentence"):
        yield one_line(sentence)
    if found := sum(severity != "info" for severity, _ in findings(record)):
        count = "1 problem" if found == 1 else f"{found} problems"
        yield f"The audit of the data found {count}, which may affect the metrics."


def _limits_of_labels(record: Record) -> Iterator[str]:
    rows = class_rows(record)
    rare = [row.label for row in rows if row.support is not None and row.support < FEW_OF_A_CLASS]
    if rare:
        what = "1 label was" if len(rare) == 1 else f"{len(rare)} labels were"
        counted = "pixels" if base_of(record) == "mask" else ANNOTATIONS_OF.get(base_of(record), "items")
        yield f"{what} evaluated on fewer than {FEW_OF_A_CLASS} {counted}: {series(map(shortened, rare), 8)}."
    weak = [row for row in rows if row.value is not None and row.value < WEAK[row.key]]
    if weak:
        names = series((f"{shortened(row.label)} ({number(row.value)})" for row in weak), 8)
        key = weak[0].key
        yield f"Weak ({metric_words(key).name} below {WEAK[key]}): {names}."


def _limits_of_gain(record: Record) -> Iterator[str]:
    if record["transfer_gain"] is None:
        yield gain_sentence(record)
    for name, baseline in record["baselines"].items():
        low = baseline["gain"]["low"]
        if not defined(low) or low <= 0:
            yield f"It has not been shown to be better than the {one_line(name)} baseline."
    if not record["baselines"]:
        yield "No baseline was compared."


def _limits_of_source(record: Record) -> Iterator[str]:
    source = record["source"]
    if source["name"] == "vector":
        return
    if not source.get("license"):
        yield "The licence of the source is not stated; check it before you share the model."
    if record["data"]["modality"] == "audio" and _PICTURE & set(source.get("input", {})):
        yield "Cross-modal transfer: an image body, pretrained on images only, reads sounds as log-mel spectrograms."
