"""Why a model found a span of words or a box: the found thing's probability without each word, or without each place.

A word is left out of the sentence, and the sentence is annotated again: a word's value is how much the probability of
the same span falls, and a span that is not found any more has probability 0. A span of several words keeps its other
words when one of its own is left out; a span of one word has no value for it. A place of a picture is covered with the
picture's mean colour; the probability of a box is that of the best box of its label with which it shares half of their
joint area, also of one below the score from which boxes are shown.

References: Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure", arXiv:1612.08220,
2016; Petsiuk et al., "Black-box Explanation of Object Detectors via Saliency Maps", CVPR 2021.

Command: headstart explain RUN ITEM
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from headstart.annotations import Boxes, Sentence, Span
from headstart.attributions import Attribution, Explanation, PixelMap, TextShare, TextShares
from headstart.data.media.readers import read_image
from headstart.decode.nms import box_iou
from headstart.errors import ParameterError, UnknownNameError
from headstart.explain.asking.query import item_words
from headstart.explain.occlusion import covered_picture
from headstart.model.annotator import AnnotationModel
from headstart.params import check_number

__all__ = ["explain_annotations", "without_word"]

COUNT = 6  # spans that are explained
NEAR = 40  # words on each side of a span that are left out
GRID = 8  # places along a side of a picture
PIXELS = 640  # of the longer side of the picture that is shown to the model
SAME = 0.5  # intersection over union of a box that is still the same
WORDS, PLACES = "leave_one_word_out", "occlusion"


def explain_annotations(
    model: AnnotationModel,
    item: Any,
    *,
    method: str | Sequence[str] | None = None,
    label: str | None = None,
    against: str | None = None,
    training: Any = None,
    count: int = COUNT,
    seed: int = 0,  # noqa: ARG001 (as `explain` has it; nothing is drawn)
) -> Explanation:
    """Explain what a model found in one item: each span of a text, or the surest box of a picture.

    Args:
        model: a model that marks spans or draws boxes.
        item: a text or `Sentence`, or a picture.
        method: ``"leave_one_word_out"`` for spans, ``"occlusion"`` for boxes; default: that.
        label: explain what was found of this label alone; default: of all labels.
        against: must be None: a span or box is explained by itself.
        training: must be None, as the training items are not looked at.
        count: how many spans are explained, the surest first; default 6.
        seed: has no effect.

    Returns:
        The explanation, with an attribution for each span, or one for the box; none where nothing was found.

    Raises:
        ItemError: if the item cannot be read.
        UnknownNameError: for an unknown label.
        ParameterError: for a model that draws masks, or an option that such a model does not take.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> model = fit(made_sentences(8), source="toy", baselines="none", verbose=False).model
        >>> found = explain_annotations(model, "We asked Viktor Santos why the bridge was closed .", label="person")
        >>> set(found.methods) <= {"leave_one_word_out"}, found.modality
        (True, 'text')
    """
    _check(model, method, against=against, training=training)
    check_number(count, "count", "explain_annotations", low=1, integer=True)
    if label is not None and label not in model.task.labels:
        raise UnknownNameError("label", label, model.task.labels)
    return _of_words(model, item, label, count) if model.task.kind == "token" else _of_boxes(model, item, label)


def _check(model: AnnotationModel, method: Any, *, against: str | None, training: Any) -> None:
    if model.task.kind not in ("token", "box"):
        raise ParameterError(
            "Masks are not explained: each pixel has an answer of its own. Give a model of words or boxes; for masks "
            "the report of the run shows where they are wrong."
        )
    known = WORDS if model.task.kind == "token" else PLACES
    asked = [method] if isinstance(method, str) else list(method or [])
    if any(name != known for name in asked):
        raise ParameterError(f"What this model finds is explained by '{known}'. Got {', '.join(map(str, asked))}.")
    if against is not None or training is not None:
        name = "against" if against is not None else "training"
        raise ParameterError(f"A model that annotates items takes no '{name}' for an explanation; leave it out.")


def _of_words(model: AnnotationModel, item: Any, label: str | None, count: int) -> Explanation:
    began, sentence = time.perf_counter(), model.as_item(item)
    [every] = model.predict([sentence])
    wanted = sorted((one for one in every if label in (None, one.label)), key=lambda one: -one.score)[:count]
    near = sorted(
        {k for one in wanted for k in range(max(one.start - NEAR, 0), min(one.end + NEAR, len(sentence.words)))}
    )
    near = near if len(sentence.words) > 1 else []
    again = dict(zip(near, model.predict([without_word(sentence, k) for k in near]), strict=True))
    seconds = time.perf_counter() - began
    parts = tuple(_of_span(sentence, one, again, seconds / len(wanted)) for one in wanted)
    named = [f"{sentence.surface(one)} [{one.label}]" for one in every]
    outputs = {f"{sentence.surface(one)} [{one.label}]": float(one.score) for one in wanted}
    return _explanation(model, sentence.text, named, outputs, parts, label=label)


def _of_span(sentence: Sentence, span: Span, again: dict[int, tuple[Span, ...]], seconds: float) -> Attribution:
    """The fall of a span's probability without each word near it."""
    shares, name = [], f"'{sentence.surface(span)}' as {span.label}"
    near = range(max(span.start - NEAR, 0), min(span.end + NEAR, len(sentence.words)))
    for k in near:
        start, end = span.start - (k < span.start), span.end - (k < span.end)
        if k not in again or start == end:
            continue
        same = [one.score for one in again[k] if one == Span(start, end, span.label)]
        first, last = sentence.offsets[k]
        shares.append(TextShare(sentence.text[first:last], first, last, float(span.score) - max(same, default=0.0)))
    notes = ["A value is how much the probability falls without the word; the values do not sum to anything."]
    if len(near) < len(sentence.words):
        notes.append(f"Only the {NEAR} words on each side were left out.")
    shown = TextShares(sentence.text, tuple(shares))
    return Attribution(
        WORDS, f"{name}: its probability without each word", shown, f"the probability of {name}", "probability",
        float(span.score), checks={"predictions": float(len(shares) + 1)}, notes=tuple(notes), seconds=seconds,
    )  # fmt: skip


def without_word(sentence: Sentence, place: int) -> Sentence:
    """A sentence without one of its words, and without the space after it.

    Args:
        sentence: of at least two words.
        place: of the word.

    Examples:
        >>> found = without_word(Sentence.of_words(["Ada", "Lovelace", "wrote"]), 1)
        >>> found.text, found.offsets
        ('Ada wrote', ((0, 3), (4, 9)))
    """
    text, offsets = sentence.text, sentence.offsets
    last = place + 1 == len(offsets)
    start, stop = (offsets[place - 1][1], offsets[place][1]) if last else (offsets[place][0], offsets[place + 1][0])
    gone = stop - start
    return Sentence(
        sentence.words[:place] + sentence.words[place + 1 :],
        text[:start] + text[stop:],
        offsets[:place] + tuple((a - gone, b - gone) for a, b in offsets[place + 1 :]),
    )


def _of_boxes(model: AnnotationModel, item: Any, label: str | None) -> Explanation:
    began, image = time.perf_counter(), read_image(item)
    image.thumbnail((PIXELS, PIXELS))
    picture = np.asarray(image.convert("RGB"))
    [every] = model.predict([picture])
    found, labels = every.visible(), model.task.labels
    named = [f"{labels[code]} {score:.2f}" for code, score in zip(found.labels, _scores(found), strict=True)]
    wanted = np.flatnonzero([label in (None, labels[code]) for code in found.labels])
    if len(wanted) == 0:
        return _explanation(model, item_words(item), named, {}, (), label=label)
    best = found.take([int(wanted[np.argmax(_scores(found)[wanted])])])
    name, score = labels[int(best.labels[0])], float(_scores(best)[0])
    rows, columns = (np.linspace(0, side, min(GRID, side) + 1).round().astype(int) for side in picture.shape[:2])
    covered = [
        covered_picture(picture, (slice(top, bottom), slice(left, right)))
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    values = score - np.array([_same(best, one) for one in model.predict(covered)])
    cells = (len(rows) - 1, len(columns) - 1)
    place = ", ".join(f"{edge:.0f}" for edge in best.xyxy[0])
    one = Attribution(
        PLACES, f"Where the surest box comes from: {name} at {place}", PixelMap(values.reshape(cells), picture, cells),
        f"the probability of this box of '{name}'", "probability", score,
        checks={"predictions": float(len(covered) + 1)}, seconds=time.perf_counter() - began,
        notes=(f"{len(covered)} places were covered one by one with the picture's mean colour.",
               "The values do not sum to anything; two places that say the same hide each other."),
    )  # fmt: skip
    return _explanation(model, item_words(item), named, {f"{name} at {place}": score}, (one,), label=label)


def _scores(found: Boxes) -> Any:
    return np.ones(len(found)) if found.scores is None else found.scores


def _same(best: Boxes, again: Boxes) -> float:
    """The score of the best box of the same label and place; 0 if there is none."""
    alike = again.take(again.labels == best.labels[0])
    if not len(alike):
        return 0.0
    near = box_iou(best.xyxy, alike.xyxy)[0] >= SAME
    return float(max(_scores(alike)[near], default=0.0))


def _explanation(
    model: AnnotationModel,
    item: str,
    found: Sequence[str],
    outputs: dict[str, float],
    parts: tuple[Attribution, ...],
    *,
    label: str | None,
) -> Explanation:
    predicted = "; ".join(found) or "nothing found"
    made = Explanation(
        item, model.source.info.modality, f"{model.source.info.name}, {model.head.name}", predicted, predicted, "",
        outputs, parts,
    )  # fmt: skip
    if parts:
        return made
    what = "Nothing was found" if label is None else f"Nothing was found of '{label}'"
    return replace(made, notes=(f"{what}, so there is nothing to explain.",))
