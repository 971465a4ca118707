"""Options of a fit, and the checks that refuse combinations in which one option would be ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from headstart.errors import ParameterError
from headstart.heads import HeadSearch
from headstart.heads.fusion.maps import is_fused
from headstart.heads.problem import Fusion, LayerChoice
from headstart.heads.registry import AUTO, HEADS, SOLVED, EstimatorHead, check_head_names
from headstart.params import check_choice, check_number
from headstart.transfer.stages.label_texts import LabelText
from headstart.tune import Strategy
from headstart.tune.training.settings import OnEpoch
from headstart.types import Source

__all__ = [
    "AUTO_SOURCE", "FROZEN_BODY", "FitOptions", "check_choices", "check_several", "check_together",
    "refuse_unused_training",
]  # fmt: skip

AUTO_SOURCE = "auto"
FROZEN_BODY = "frozen"

OWN_HEADS = ("stack", "attention")
"""Fusion methods that are heads themselves."""

FITTING_LAYERS = {
    "banded": ("auto", "all"),
    "select": ("auto", "all"),
    "attention": ("auto", "last"),
}
"""Choices of layers that these fusion methods support; the others support all that several sources allow."""


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit, named as in `headstart.transfer.fit.fit`.

    Attributes:
        source: name of a source, an open one, several of them, ``"auto"``, or None for the default source.
        sources: candidates of ``"auto"``; None for all that are installed or cached.
        search: the candidates of the choice of head.
        label_text: names or descriptions of the classes.
        strategy: how knowledge is transferred.
        source_data: labelled data of the source's own task, or None.
        baselines: ``"all"``, ``"fast"`` or ``"none"``.
        report_items: the largest number of items that the report shows.
        training: settings of the training that replace those of the strategy, by name.
        on_epoch: called after each epoch of a training; None for nothing.

    Examples:
        >>> FitOptions("toy").strategy, FitOptions("auto").ranks_sources
        ('frozen', True)
    """

    source: str | Source | Sequence[str | Source] | None = None
    sources: Sequence[str | Source] | None = None
    search: HeadSearch = HeadSearch()
    label_text: LabelText | None = "auto"
    strategy: str | Strategy = FROZEN_BODY
    source_data: object = None
    baselines: str = "all"
    report_items: int = 200
    training: Mapping[str, Any] | None = None
    on_epoch: OnEpoch | None = None

    @property
    def ranks_sources(self) -> bool:
        """Whether the source is chosen by a ranking."""
        return isinstance(self.source, str) and self.source == AUTO_SOURCE

    @property
    def is_frozen(self) -> bool:
        """Whether the body stays frozen."""
        return isinstance(self.strategy, str) and self.strategy == FROZEN_BODY


def check_choices(options: FitOptions) -> None:
    """Raise unless ``baselines``, ``layers`` and ``fusion`` are among the allowed values.

    Args:
        options: of the fit.

    Raises:
        ParameterError: names the parameter and its allowed values.

    Examples:
        >>> check_choices(FitOptions(baselines="some"))
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'baselines' parameter of fit must be one of 'all', 'fast', 'none'. Got ...
    """
    check_number(options.report_items, "report_items", "fit", low=0, integer=True)
    check_choice(options.baselines, "baselines", "fit", ("all", "fast", "none"))
    check_choice(options.search.layers, "layers", "fit", get_args(LayerChoice))
    check_choice(options.search.fusion, "fusion", "fit", get_args(Fusion))


def check_together(options: FitOptions) -> None:
    """Raise if an option of a fit would be ignored because of another one.

    Args:
        options: of the fit; whether items and source support them is not checked here.

    Raises:
        UnknownNameError: for an unknown head.
        ParameterError: names both options, and what to do.

    Examples:
        >>> check_together(FitOptions(search=HeadSearch(("svm",), fusion="attention")))
        Traceback (most recent call last):
        headstart.errors.ParameterError: fusion='attention' is a head of its own. Got heads 'svm' with it; leave ...
    """
    heads, fusion = options.search.heads, options.search.fusion
    check_head_names(heads)
    if options.sources is not None and not options.ranks_sources:
        raise ParameterError("The 'sources' parameter of fit is for source='auto'; give that with it, or one source.")
    if options.ranks_sources and fusion not in ("auto", "none"):
        raise ParameterError(
            f"fusion='{fusion}' combines several sources, but source='auto' takes the first one of its ranking. Name "
            "the sources, or leave the fusion out."
        )
    named = tuple(name for name in heads or () if name != SOLVED)
    if fusion in OWN_HEADS and (named if fusion == "attention" else _estimators(named)):
        raise ParameterError(
            f"fusion='{fusion}' is a head of its own. Got heads '{', '.join(named)}' with it; leave the heads out, or "
            "fuse by 'concat'."
        )
    if options.is_frozen and options.source_data is not None:
        raise ParameterError(
            "Source data are for a strategy that fine-tunes the body. Got source_data with strategy='frozen'; name "
            "another strategy, such as 'auto', or leave the source data out."
        )
    if options.is_frozen and options.on_epoch is not None:
        raise ParameterError(
            "'on_epoch' is called after each epoch of a training. Got it with strategy='frozen', which trains nothing; "
            "name another strategy, such as 'lp_ft', or leave it out."
        )
    if not options.is_frozen and options.search.drop_suspects:
        raise ParameterError(
            "Suspect labels are excluded from the fit of a head, but a strategy would still train on them. Got "
            "drop_suspects with a strategy other than 'frozen'; leave one of them out."
        )
    if (
        options.label_text not in (None, "auto", "none")
        and named
        and len(_estimators(named)) == len(named)
        and AUTO not in named
    ):
        raise ParameterError(
            f"Label texts are used by the closed-form heads ('ridge', 'lda'). Got a label text with "
            f"'{', '.join(named)}'; leave one out."
        )


def _estimators(names: Sequence[str]) -> list[str]:
    """Those of the heads that are scikit-learn estimators, and ``"auto"``, which includes such heads."""
    return [name for name in names if name == AUTO or isinstance(HEADS[name], EstimatorHead)]


def refuse_unused_training(training: Mapping[str, Any] | None) -> None:
    """Raise if settings of a training are given where nothing is trained.

    Args:
        training: as in `headstart.transfer.fit.fit`.

    Raises:
        ParameterError: says what to add.

    Examples:
        >>> refuse_unused_training({"epochs": 3})
        Traceback (most recent call last):
        headstart.errors.ParameterError: The training settings 'epochs' need a strategy that trains. Got the ...
    """
    if training:
        raise ParameterError(
            f"The training settings {', '.join(map(repr, training))} need a strategy that trains. Got the strategy "
            "'frozen', which trains nothing; name another one, such as 'lp_ft' or 'auto' (--strategy lp_ft), or leave "
            "them out."
        )


def check_several(source: Source, search: HeadSearch) -> None:
    """Raise if fusion was requested for a single source, or the fusion of several does not support these layers.

    Args:
        source: an open source, fused or not.
        search: the candidates, with fusion and layers.

    Raises:
        ParameterError: names what was given, and what to do.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> check_several(ToySource(), HeadSearch(fusion="concat"))
        Traceback (most recent call last):
        headstart.errors.ParameterError: fusion='concat' combines several sources. Got one, 'toy'; name another one ...
    """
    fusion, layers, heads = search.fusion, search.layers, search.heads
    if not is_fused(source.info.blocks):
        if fusion not in ("auto", "none"):
            raise ParameterError(
                f"fusion='{fusion}' combines several sources. Got one, '{source.info.name}'; name another one too "
                "(repeat --source), or leave the fusion out."
            )
        if heads is not None and "attention" in heads:
            raise ParameterError(
                f"The head 'attention' weights several sources. Got one, '{source.info.name}'; name another one too, "
                "or another head."
            )
        return
    allowed = FITTING_LAYERS.get(fusion, ("auto", "last", "all"))
    if layers not in allowed:
        raise ParameterError(
            f"With several sources and fusion='{fusion}' the layers must be one of {', '.join(allowed)}. Got "
            f"'{layers}' instead."
        )
