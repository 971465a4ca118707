"""The items that a report shows: thumbnails, texts, sounds and numbers, with what was predicted for them.

A gallery holds everything as bounded bytes and strings, so the page needs no other file. `headstart.transfer.stages`
builds it; nothing in here reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EMPTY", "DuplicateCluster", "Gallery", "GalleryItem", "PredictedItem", "SuspectedItem", "Thumbnail"]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture: of an image, or the spectrogram of a sound.

    Attributes:
        jpeg: the bytes of a JPEG file.
        width: in pixels.
        height: in pixels.

    Examples:
        >>> Thumbnail(b"", 96, 64).height
        64
    """

    jpeg: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True)
class GalleryItem:
    """What an item looks, reads or sounds like.

    Attributes:
        name: its name, such as its path below the root; untrusted text.
        label: its label or value in words; untrusted text.
        thumbnails: its pictures, or the spectrograms of its sounds.
        texts: its texts, bounded in length; untrusted.
        is_sound: whether its thumbnail is the spectrogram of a sound.
        sound: the beginning of its sound as the bytes of a file; empty for none.
        sound_type: media type of ``sound``, such as ``"audio/mpeg"``.
        values: names and values of its numbers and categories; untrusted text.
        missing: why it cannot be shown, or empty.

    Examples:
        >>> GalleryItem("7", "yes", texts=("Where is my card?",)).texts
        ('Where is my card?',)
    """

    name: str
    label: str
    thumbnails: tuple[Thumbnail, ...] = ()
    texts: tuple[str, ...] = ()
    is_sound: bool = False
    sound: bytes = field(default=b"", repr=False)
    sound_type: str = ""
    values: tuple[tuple[str, str], ...] = ()
    missing: str = ""

    @property
    def size(self) -> int:
        """Bytes of its pictures and its sound."""
        return len(self.sound) + sum(len(one.jpeg) for one in self.thumbnails)


@dataclass(frozen=True)
class PredictedItem:
    """A held-out item and its prediction.

    Attributes:
        item: its position in `Gallery.items`.
        predicted: the predicted label, labels or value in words; untrusted text.
        right: whether the prediction is right; for a regression always False.
        confidence: probability of the predicted label; None where there is none.
        label_probability: probability of the given label; None where there is none.
        loss: its loss, by which the worst come first.
        cell: codes of its true and its predicted class; None unless classification.

    Examples:
        >>> PredictedItem(0, "bee", False, 0.9, 0.1, 2.3, (0, 1)).cell
        (0, 1)
    """

    item: int
    predicted: str
    right: bool
    confidence: float | None
    label_probability: float | None
    loss: float
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class SuspectedItem:
    """A training item whose label the other training items contradict.

    Attributes:
        item: its position in `Gallery.items`.
        predicted: the label that a fit without it predicts; untrusted text.
        p_label: leave-one-out probability of its given label.
        p_predicted: leave-one-out probability of the predicted label.
        because: positions in `Gallery.items` of the training items that speak for the predicted label.

    Examples:
        >>> SuspectedItem(0, "dog", 0.02, 0.95, (3, 9)).because
        (3, 9)
    """

    item: int
    predicted: str
    p_label: float
    p_predicted: float
    because: tuple[int, ...] = ()


@dataclass(frozen=True)
class DuplicateCluster:
    """Items that are copies or near copies of each other.

    Attributes:
        items: their positions in `Gallery.items`; at least two.
        size: how many items the cluster has in all.
        exact: whether all of them have the same content.
        conflicting: whether their labels differ.

    Examples:
        >>> DuplicateCluster((0, 4), 2, exact=True, conflicting=False).size
        2
    """

    items: tuple[int, ...]
    size: int
    exact: bool
    conflicting: bool


@dataclass(frozen=True)
class Gallery:
    """The items of a report.

    Attributes:
        items: every shown item once.
        predictions: the held-out ones, worst first.
        suspects: training items whose label is contradicted, the most suspect first.
        duplicates: clusters of near duplicates, those with conflicting labels first.
        suspect_count: number of suspects in all.
        duplicate_count: number of clusters in all.
        influence: whether ``because`` of the suspects are the most influential items; otherwise the most similar ones.

    Examples:
        >>> gallery = Gallery((GalleryItem("a.jpg", "ant"),), (PredictedItem(0, "bee", False, 0.9, 0.1, 2.3, (0, 1)),))
        >>> gallery.cells
        {(0, 1): (0,)}
    """

    items: tuple[GalleryItem, ...] = ()
    predictions: tuple[PredictedItem, ...] = ()
    suspects: tuple[SuspectedItem, ...] = ()
    duplicates: tuple[DuplicateCluster, ...] = ()
    suspect_count: int = 0
    duplicate_count: int = 0
    influence: bool = True

    def __len__(self) -> int:
        return len(self.items)

    @property
    def size(self) -> int:
        """Bytes of all pictures and sounds."""
        return sum(item.size for item in self.items)

    @property
    def cells(self) -> Mapping[tuple[int, int], tuple[int, ...]]:
        """By true and predicted class, the positions in ``predictions`` of the items that are shown."""
        found: dict[tuple[int, int], tuple[int, ...]] = {}
        for place, one in enumerate(self.predictions):
            if one.cell is not None:
                found[one.cell] = (*found.get(one.cell, ()), place)
        return found


EMPTY = Gallery()
"""A gallery without items."""
