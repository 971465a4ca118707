"""The body that a pretraining begins with: an architecture with random weights, or a source."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import ParameterError
from headstart.sources.default import SMALL, source_for
from headstart.types import Dataset, Source

__all__ = ["Start", "start_of"]


@dataclass(frozen=True, eq=False)
class Start:
    """The body before the pretraining.

    Attributes:
        source: the body; with random weights it gives the architecture, and its weights are drawn by the training.
        name: of the architecture or of the source.
        is_random: whether training begins with random weights.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> Start(ToySource(), "toy", is_random=False).words
        'toy with its weights'
    """

    source: Source
    name: str
    is_random: bool

    @property
    def words(self) -> str:
        """What training begins with, in words."""
        return f"{self.name} with random weights" if self.is_random else f"{self.name} with its weights"


def start_of(
    dataset: Dataset,
    *,
    source: str | Source | None = None,
    architecture: str | None = None,
    side: int | None = None,
    outputs: int = 0,
    seed: int = 0,
) -> Start:
    """The body that a pretraining on these items begins with.

    Args:
        dataset: the items.
        source: a source whose weights are trained further.
        architecture: an architecture with random weights: a name of timm, or a source's name with its scheme, such as
            ``"headstart:image"``, whose weights are then not used. Without both, that of the small source of the
            install for such items.
        side: height and width of the pictures in pixels, for an architecture of timm.
        outputs: of the classifier of an architecture of timm; 0 for none.
        seed: of the random weights.

    Raises:
        ParameterError: if both are given, or a side without an architecture of timm.
        SourceError: if there is no such body.

    Examples:
        >>> from headstart.data import read
        >>> start_of(read((["good", "bad"], ["a", "b"]))).words
        'headstart:text with random weights'
    """
    if source is not None and architecture is not None:
        raise ParameterError(
            "A pretraining begins either with the weights of a source or with an architecture with random weights; "
            "give --source or --architecture, not both."
        )
    if architecture is None or ":" in architecture:
        if side is not None:
            raise ParameterError(
                "--side sets the pictures' side for an architecture of timm; name it, or leave --side out."
            )
        named = source if source is not None else architecture or SMALL.get(dataset.modality)
        option = "--source" if source is not None else "--architecture"
        found = source_for(dataset, named, option=option)
        return Start(found, found.info.name, source is None)
    if dataset.modality not in ("image", "audio"):
        raise ParameterError(
            f"'{architecture}' is a body for pictures, but the data hold {dataset.modality} items; give a source's "
            "name, such as --architecture headstart:text."
        )
    from headstart.sources.spectrogram import Spectrogram
    from headstart.sources.timm_architecture import timm_architecture

    fresh = timm_architecture(architecture, num_classes=outputs, side=side, seed=seed)
    # sounds reach a body for pictures as spectrograms
    body: Source = Spectrogram(fresh) if dataset.modality == "audio" else fresh
    return Start(body, f"timm:{architecture}", is_random=True)
