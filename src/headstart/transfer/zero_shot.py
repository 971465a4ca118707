"""Zero-shot classification: nearest class text by cosine, as an LDA head that further examples update.

The encoded text of each class is used as the only row of that class. LDA on these rows is the nearest class by cosine
(`headstart.heads.spectral.class_name_prior`). An example is one more row, so 0, 1, 5 and 50 examples per class are
handled by the same head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import LabelReading
from headstart.engine.options import Engine, refuse_int8
from headstart.errors import DataError
from headstart.heads import FittedHead, candidate_maps
from headstart.heads.lda import LDA
from headstart.heads.spectral.class_name_prior import prior_moments
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.reporting import Reporter, chosen_reporter
from headstart.sources import open_source
from headstart.sources.default import default_source
from headstart.transfer.stages.label_texts import LabelText, class_rows, read_label_texts, unread_labels
from headstart.transfer.stages.run_folder import check_run_folder
from headstart.types import Source, Task

__all__ = ["zero_shot"]

# A default, since there are no items to calibrate on. On the training texts of BANKING77 and CLINC150 the log-loss is
# lowest at 16 and 20 times MiniLM's cosine. It is far too confident where names are not informative (TREC-6 and
# financial news: no better than chance), hence `CHANCE`.
COSINE_SCALE = 16.0
# Share of each probability that is chance, 1/C: no probability exceeds 1 - CHANCE (1 - 1/C). On 300 training texts each
# of CLINC150, TREC-6 (codes, and words) and financial news, with both text sources, a share of 0.2 lowered the mean
# log-loss, and what it exceeds that of chance by at worst from 0.49 to 0.27 nats (financial news); more was not tried.
CHANCE = 0.2
# λ in units of the mean eigenvalue. Predictions do not depend on it, later updates only a little; with 10 texts per
# class, 3 was chosen.
PENALTY = 3.0


def zero_shot(
    labels: Sequence[str] | Mapping[str, str],
    *,
    source: str | Source | None = None,
    label_text: LabelText | None = None,
    out: str | Path | None = None,
    overwrite: bool = True,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
) -> TransferModel:
    """A model without training examples: each item is assigned to the class whose text is nearest by cosine.

    Its probabilities are four fifths a softmax of 16 times the cosine, or of the scale that a `LabelReading` source
    states, and one fifth chance (1/C for C classes): names may say nothing about the items, and only labelled items
    could tell. They are not calibrated, and none comes near 1. `TransferModel.update` adds examples exactly; a `fit`
    also chooses λ and calibrates.

    Args:
        labels: two or more class names, or a mapping from name to description.
        source: a source of texts, or one with a text tower; default: ``"headstart:text"``, or
            ``"headstart:multilingual"`` if it is installed and the class texts are not English.
        label_text: descriptions of the classes, as for `read_label_texts`; default: the names as words.
        out: folder to save to; default: none.
        overwrite: whether an existing run is replaced, once the new one is complete; otherwise it is an error.
        engine: how texts are encoded.
        verbose: as in `fit`.
        reporter: as in `fit`.

    Raises:
        DataError: if there are fewer than two labels, or a label is repeated or empty.
        SourceError: if the source cannot encode texts.
        UsageError: if ``out`` holds something other than a run, or a run that must be kept; raised before any work.

    References:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.

    Examples:
        >>> model = zero_shot(["parcel", "money back"], source="toy")
        >>> model.predict(["where is my parcel"]), model.head.prior
        (['parcel'], 1.0)
    """
    refuse_int8(engine, "a zero-shot model, which encodes texts")
    reporter = chosen_reporter(reporter, verbose=verbose)
    if out is not None:
        check_run_folder(Path(out), reporter, overwrite=overwrite)
    names = tuple(str(label).strip() for label in labels)
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise DataError(f"A zero-shot model needs two or more different labels. Got {', '.join(names) or 'none'}.")
    texts = dict(labels) if isinstance(labels, Mapping) else None
    texts = texts if label_text is None else read_label_texts(label_text)
    if source is None:
        default = default_source("text", [*names, *(texts or {}).values()])
        reporter.line("source chosen", default.sentence)
        source = default.opened or default.name
    opened = open_source(source) if isinstance(source, str) else source
    reporter.line("source", opened.info.name)
    with reporter.progress("encoding the classes"):
        rows = class_rows(opened, names, texts, engine=engine)
    head = _zero_shot_head(rows, opened)
    moments = prior_moments(rows, head.feature_map, head.prior)
    model = TransferModel(opened, Task("classification", names), head, moments, engine=engine)
    if unread := unread_labels(opened, names, texts):
        reporter.warning(
            f"{opened.info.name} can hardly read the names of these classes ({unread}), so the predictions are hardly "
            "better than guesses; name a source that knows their language with --source, name the classes in a "
            "language that this one knows, or fit a few labelled items."
        )
    given_as = "name" if texts is None else "description"
    reporter.line("labels", f"{len(names)}, each by its {given_as}; no examples were used")
    scale = _scale(opened)
    reporter.line(
        "probability",
        f"uncalibrated: softmax of {scale:g} times the cosine, {CHANCE:.0%} chance, so at most "
        f"{1 - CHANCE * (1 - 1 / len(names)):.2f}; labelled items are needed to calibrate",
    )
    if out is not None:
        model.save(out, overwrite=overwrite)
    return model


def _zero_shot_head(rows: NDArray[np.floating], source: Source) -> FittedHead:
    last = replace(candidate_maps(rows, source.info.blocks)[0], width=rows.shape[1])
    mapped = np.asarray(last(rows), dtype=np.float64)
    spectrum = Spectrum.from_moments(prior_moments(rows, last, 1.0))
    # identical rows (names of unknown tokens) have no eigenvalue above 0: all classes then have the same score
    lam = PENALTY * (float(spectrum.values.mean()) if len(spectrum.values) else 1.0)
    weight, bias = LDA.coefficients(spectrum, lam)
    # scores = slope * cosine + a constant per item; least squares on the class rows, slope = <W, X> / <X, X>
    centred = mapped - mapped.mean(axis=0)
    slope = float((weight.T * centred).sum() / (centred**2).sum()) if len(spectrum.values) else 1.0
    scale = _scale(source)
    calibration = {"temperature": np.array([slope / scale]), "shares": np.full(len(rows), 1 / len(rows))}
    calibration["chance"] = np.array([CHANCE])
    return FittedHead(last, "lda", lam, weight, bias, calibration, float("nan"), (), prior=1.0)


def _scale(source: Source) -> float:
    """The factor of the cosine inside the softmax."""
    return source.label_scale() if isinstance(source, LabelReading) else COSINE_SCALE
