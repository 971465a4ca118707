"""The registry of explanation methods, what each of them needs, and which are used if none is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, get_args, runtime_checkable

from headstart.attributions import Attribution
from headstart.engine.capabilities import Branching
from headstart.errors import ParameterError
from headstart.explain.asking.columns import compared_layers
from headstart.explain.asking.query import Query, source_in_fp32
from headstart.registry import Registry
from headstart.sources.bodies.embedded_text import TokenEmbedding
from headstart.sources.bodies.trainable import TrainableSource
from headstart.types import Modality

__all__ = ["ALWAYS", "DEFAULTS", "EVERY_MODALITY", "METHODS", "ExplanationMethod", "Need", "refusal"]

Need = Literal[
    "closed-form head", "linear head", "maps", "mean row", "means of maps", "several blocks", "token embeddings",
    "torch body", "training rows",
]  # fmt: skip
EVERY_MODALITY: frozenset[Modality] = frozenset(get_args(Modality))
DELETABLE = ("ridge", "lda")  # heads whose change by the deletion of a row has a closed form


@runtime_checkable
class ExplanationMethod(Protocol):
    """An explanation method: one frozen dataclass each.

    Attributes:
        name: its name in the registry.
        title: what it shows, in words.
        modalities: the kinds of items that it explains.
        needs: what the model has to have, or the caller to give.
    """

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    @property
    def title(self) -> str:
        """What it shows, in words."""
        ...

    @property
    def modalities(self) -> frozenset[Modality]:
        """The kinds of items that it explains."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What the model has to have, or the caller to give."""
        ...

    def __call__(self, query: Query) -> Attribution:
        """The attributions; the question meets the method's needs."""
        ...


METHODS: Registry[ExplanationMethod] = Registry("explanation method", "explanations")
METHODS.register("cam", "headstart.explain.cam:CAM")
METHODS.register("grad_cam", "headstart.explain.grad_cam:GRAD_CAM")
METHODS.register("influence", "headstart.explain.influence:INFLUENCE")
METHODS.register("integrated_gradients", "headstart.explain.integrated_gradients:INTEGRATED_GRADIENTS")
METHODS.register("layer_cam", "headstart.explain.layer_cam:LAYER_CAM")
METHODS.register("layer_profile", "headstart.explain.layer_profile:LAYER_PROFILE")
METHODS.register("leave_one_word_out", "headstart.explain.leave_one_word_out:LEAVE_ONE_WORD_OUT")
METHODS.register("linear_attribution", "headstart.explain.linear_attribution:LINEAR_ATTRIBUTION")
METHODS.register("occlusion", "headstart.explain.occlusion:OCCLUSION")
METHODS.register("shapley_sampling", "headstart.explain.shapley_sampling:SHAPLEY_SAMPLING")
METHODS.register("similar", "headstart.explain.similar:SIMILAR")

DEFAULTS: Mapping[Modality, tuple[str, ...]] = {
    "text": ("integrated_gradients", "leave_one_word_out"),
    "vector": ("linear_attribution", "shapley_sampling"),
    "multimodal": ("linear_attribution", "shapley_sampling"),
    "image": ("cam", "grad_cam", "occlusion"),
    "audio": ("cam", "grad_cam", "occlusion"),
}
"""The methods of each kind of item; the first whose needs are met is used if none is named."""

ALWAYS = ("influence", "similar", "layer_profile")
"""Methods that are used besides if their needs are met."""


def refusal(method: ExplanationMethod, query: Query) -> str:
    """Why a method cannot answer a question, in a sentence; empty if it can.

    Args:
        method: a registered method.
        query: the question.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> from headstart.explain.asking.contrast import contrast_of
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model
        >>> query = Query(model, [0.2, 1.0], np.array([[0.2, 1.0]]), contrast_of(model.task, "left"))
        >>> refusal(METHODS["integrated_gradients"], query)
        "The method 'integrated_gradients' explains text items, not vector items; use one of influence, ..."
    """
    modality = query.model.source.info.modality
    if modality not in method.modalities:
        others = [name for name in METHODS if modality in METHODS[name].modalities]
        return (
            f"The method '{method.name}' explains {' and '.join(sorted(method.modalities))} items, not {modality} "
            f"items; use one of {', '.join(others)}."
        )
    for need in sorted(method.needs):
        reason = _UNMET[need](query)
        if reason:
            return f"The method '{method.name}' needs {reason}"
    return ""


def _closed_form(query: Query) -> str:
    head = query.model.head
    if head.head in DELETABLE and head.linear:
        return ""
    return f"a ridge or LDA head, not '{head.head}'; fit with --head solved."


def _linear(query: Query) -> str:
    head = query.model.head
    return "" if head.linear else f"a linear head, not '{head.head}'; use a method that only predicts, or fit again."


def _several_blocks(query: Query) -> str:
    widths = [block.width for block in query.model.source.info.blocks]
    if sum(query.model.head.feature_map.reads(widths)) > 1 or len(compared_layers(query)) > 1:
        return ""
    return "a head that was chosen among several layers of a body; fit with --layers all."


def _token_embeddings(query: Query) -> str:
    source = query.model.source
    if isinstance(source, Branching):
        return "one source of texts, not a fused one; use 'leave_one_word_out'."
    if isinstance(source, TokenEmbedding):
        return ""
    return f"a body with token embeddings, which '{source.info.name}' has not; use 'leave_one_word_out'."


def _torch_body(query: Query) -> str:
    source = source_in_fp32(query.model.source)
    if isinstance(source, TrainableSource):
        return ""
    return f"a body that torch can run with gradients, which '{source.info.name}' is not; use another method."


def _maps(query: Query) -> str:
    from headstart.explain.bodies.map_reading import maps_missing

    return maps_missing(query)


def _means_of_maps(query: Query) -> str:
    from headstart.explain.bodies.map_reading import means_missing

    return means_missing(query)


def _training_rows(query: Query) -> str:
    if query.training is not None:
        return ""
    return "the training items, which this model does not keep; give them with --data (in Python: training=DATA)."


def _mean_row(query: Query) -> str:
    if query.knows_mean:
        return ""
    return "the mean of the training rows, which this model does not keep; give the training items with --data."


_UNMET: Mapping[Need, Callable[[Query], str]] = {
    "closed-form head": _closed_form,
    "linear head": _linear,
    "maps": _maps,
    "means of maps": _means_of_maps,
    "several blocks": _several_blocks,
    "token embeddings": _token_embeddings,
    "torch body": _torch_body,
    "training rows": _training_rows,
    "mean row": _mean_row,
}


def check_known(name: str) -> ExplanationMethod:
    """The registered method of a name, or of any spelling of it with hyphens.

    Raises:
        UnknownNameError: for another name.
        ParameterError: for a value that is no name.

    Examples:
        >>> check_known("integrated-gradients").name
        'integrated_gradients'
    """
    if not isinstance(name, str):
        raise ParameterError(f"The 'method' parameter of explain must be a name or a list of names. Got {name!r:.80}.")
    return METHODS[name.replace("-", "_")]
