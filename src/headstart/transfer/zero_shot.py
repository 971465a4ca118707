"""A classifier from nothing but the names of its classes; a few examples later it is the head that a fit gives.

Each class's text is encoded and stands as the one row of its class. LDA on these rows is then the nearest class by
cosine (`headstart.heads.spectral.class_name_prior`), so that 0, 1, 5 and 50 examples a class are one
path: an example is one more row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import LabelReading
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import FittedHead, candidate_maps
from headstart.heads.lda import LDA
from headstart.heads.spectral.class_name_prior import prior_moments
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.reporting import Reporter, chosen_reporter
from headstart.sources import open_source
from headstart.sources.default import DEFAULTS
from headstart.transfer.stages.label_texts import LabelText, class_rows, read_label_texts, unread_labels
from headstart.transfer.stages.run_folder import check_run_folder
from headstart.types import Source, Task

__all__ = ["zero_shot"]

# Nothing is there to calibrate on. On the training texts of BANKING77 and CLINC150 the log-loss is least at 16 and 20
# times MiniLM's cosine; where names say little it is far too sure (TREC-6 and financial news: no better than chance).
COSINE_SCALE = 16.0
# In units of the mean eigenvalue; the prediction does not depend on it, later updates little. 10 texts a class chose 3.
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
    """A model that has seen no example: each item goes to the class whose text is nearest by cosine.

    Its probabilities are a softmax of 16 times the cosine (or of what a source of `LabelReading` says), a default
    that is calibrated on nothing. `TransferModel.update` adds examples exactly; a `fit` also chooses λ and calibrates.

    Args:
        labels: two or more class names, or descriptions by name.
        source: a source of texts, or one with a text tower; default: ``"headstart:text"``.
        label_text: descriptions of the classes, as `read_label_texts` takes them; default: the names as words.
        out: folder to save to; none is written where not given.
        overwrite: whether a run that is there is replaced, when the new one is complete; else it is an error.
        engine: how texts are encoded.
        verbose: as in `fit`.
        reporter: as in `fit`.

    Raises:
        DataError: if there are fewer than two labels, or one twice.
        SourceError: if the source knows no texts.
        UsageError: if ``out`` holds something else, or a run that is to be kept; said before the work.

    References:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.

    Examples:
        >>> model = zero_shot(["parcel", "money back"], source="toy")
        >>> model.predict(["where is my parcel"]), model.head.prior
        (['parcel'], 1.0)
    """
    reporter = chosen_reporter(reporter, verbose=verbose)
    if out is not None:
        check_run_folder(Path(out), reporter, overwrite=overwrite)
    names = tuple(str(label).strip() for label in labels)
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise DataError(f"A zero-shot model needs two or more different labels. Got {', '.join(names) or 'none'}.")
    texts = dict(labels) if isinstance(labels, Mapping) else None
    texts = texts if label_text is None else read_label_texts(label_text)
    opened = open_source(source or DEFAULTS["text"]) if source is None or isinstance(source, str) else source
    reporter.line("source", opened.info.name)
    with reporter.progress("encoding the classes"):
        rows = class_rows(opened, names, texts, engine=engine)
    head = _zero_shot_head(rows, opened)
    moments = prior_moments(rows, head.feature_map, head.prior)
    model = TransferModel(opened, Task("classification", names), head, moments, engine=engine)
    if unread := unread_labels(opened, names, texts):
        reporter.warning(
            f"What these classes are called says little to {opened.info.name} ({unread}), so the answers are hardly "
            "better than guesses; name a source that knows their language with --source, name the classes in a "
            "language that this one knows, or fit a few labelled items."
        )
    told = "name" if texts is None else "description"
    reporter.line("labels", f"{len(names)}, each by its {told}; no example was seen")
    scale = _scale(opened)
    reporter.line("probability", f"softmax of {scale:g} times the cosine, a default that is calibrated on nothing")
    if out is not None:
        model.save(out, overwrite=overwrite)
    return model


def _zero_shot_head(rows: NDArray[np.floating], source: Source) -> FittedHead:
    last = replace(candidate_maps(rows, source.info.blocks)[0], width=rows.shape[1])
    mapped = np.asarray(last(rows), dtype=np.float64)
    spectrum = Spectrum.from_moments(prior_moments(rows, last, 1.0))
    # rows that are all the same (names of unknown tokens) have no eigenvalue: every item then fits all classes alike
    lam = PENALTY * (float(spectrum.values.mean()) if len(spectrum.values) else 1.0)
    weight, bias = LDA.coefficients(spectrum, lam)
    # scores are a multiple of the cosine, up to a constant of each row: the slope between the two
    centred = mapped - mapped.mean(axis=0)
    slope = float((weight.T * centred).sum() / (centred**2).sum()) if len(spectrum.values) else 1.0
    scale = _scale(source)
    calibration = {"temperature": np.array([slope / scale]), "shares": np.full(len(rows), 1 / len(rows))}
    return FittedHead(last, "lda", lam, weight, bias, calibration, float("nan"), (), prior=1.0)


def _scale(source: Source) -> float:
    """What cosines are multiplied with."""
    return source.label_scale() if isinstance(source, LabelReading) else COSINE_SCALE
