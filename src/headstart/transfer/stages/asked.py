"""Whether what was asked for can be done together; what would be ignored is refused before any work."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import ParameterError
from headstart.heads.fusion.maps import is_fused
from headstart.heads.registry import AUTO, HEADS, SOLVED, EstimatorHead, check_head_names
from headstart.types import Source

__all__ = ["check_several", "check_together"]

OWN_HEADS = ("stack", "attention")
"""Ways to fuse that are heads of their own."""

FITTING_LAYERS = {
    "banded": ("auto", "all"),
    "select": ("auto", "all"),
    "attention": ("auto", "last"),
}
"""Which choices of layers these ways to fuse can follow; the others follow all that serve several sources."""


def check_together(
    *,
    source: object,
    heads: Sequence[str] | None,
    fusion: str,
    strategy: object,
    source_data: object,
    drop_suspects: bool,
    label_text: object,
) -> None:
    """Raise if an argument of a fit would be ignored because of another one.

    Args:
        source: name of the source, or sources.
        heads: names of heads, or None.
        fusion: how several sources are put together.
        strategy: how knowledge is transferred.
        source_data: labelled data of the source's own task, or None.
        drop_suspects: whether suspect labels are left out.
        label_text: what the classes are called.

    Raises:
        UnknownNameError: for an unknown head.
        ParameterError: naming both, and what to do.

    Examples:
        >>> asked = {"source": None, "strategy": "frozen", "source_data": None, "drop_suspects": False}
        >>> check_together(heads=("svm",), fusion="attention", label_text="auto", **asked)
        Traceback (most recent call last):
        headstart.errors.ParameterError: fusion='attention' is a head of its own. Got heads 'svm' with it; leave ...
    """
    check_head_names(heads)
    if source == "auto" and fusion not in ("auto", "none"):
        raise ParameterError(
            f"fusion='{fusion}' puts several sources together, and source='auto' takes the first of its ranking. Name "
            "the sources, or leave the fusion out."
        )
    named = tuple(name for name in heads or () if name != SOLVED)
    if fusion in OWN_HEADS and (named if fusion == "attention" else _estimators(named)):
        raise ParameterError(
            f"fusion='{fusion}' is a head of its own. Got heads '{', '.join(named)}' with it; leave the heads out, or "
            "fuse by 'concat'."
        )
    if strategy == "frozen" and source_data is not None:
        raise ParameterError(
            "Source data serve a strategy that moves the body. Got source_data with strategy='frozen'; name another "
            "strategy, such as 'auto', or leave the source data out."
        )
    if strategy != "frozen" and drop_suspects:
        raise ParameterError(
            "Suspect labels are left out of the fit of a head, and a strategy would train on them all the same. Got "
            "drop_suspects with another strategy than 'frozen'; drop one."
        )
    if (
        label_text not in (None, "auto", "none")
        and named
        and len(_estimators(named)) == len(named)
        and AUTO not in named
    ):
        raise ParameterError(
            f"What classes are called is known to heads that are solved ('ridge', 'lda'). Got a label text with "
            f"'{', '.join(named)}'; leave one out."
        )


def _estimators(names: Sequence[str]) -> list[str]:
    return [name for name in names if name == AUTO or isinstance(HEADS[name], EstimatorHead)]


def check_several(source: Source, fusion: str, layers: str, heads: Sequence[str] | None = None) -> None:
    """Raise if there is nothing to fuse although a way to fuse was named, or several sources cannot have these layers.

    Args:
        source: opened.
        fusion: how several sources are put together.
        layers: which layers are compared.
        heads: names of heads, or None.

    Raises:
        ParameterError: naming what was given, and what to do.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> check_several(ToySource(), "concat", "auto")
        Traceback (most recent call last):
        headstart.errors.ParameterError: fusion='concat' puts several sources together. Got one, 'toy'; name another ...
    """
    if not is_fused(source.info.blocks):
        if fusion not in ("auto", "none"):
            raise ParameterError(
                f"fusion='{fusion}' puts several sources together. Got one, '{source.info.name}'; name another one "
                "too (repeat --source), or leave the fusion out."
            )
        if heads is not None and "attention" in heads:
            raise ParameterError(
                f"The head 'attention' weighs several sources. Got one, '{source.info.name}'; name another one too, or "
                "another head."
            )
        return
    allowed = FITTING_LAYERS.get(fusion, ("auto", "last", "all"))
    if layers not in allowed:
        raise ParameterError(
            f"With several sources and fusion='{fusion}' the layers must be one of {', '.join(allowed)}. Got "
            f"'{layers}' instead."
        )
