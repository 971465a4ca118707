"""What a labelled item holds where one label is not enough: spans of words, boxes and masks.

``Dataset.y`` is then an object array (n,) with a tuple of `Span`, a `Boxes` or a `Mask` for each item. Readers and
writers of files are in `headstart.data.annotations`.
"""

from headstart.annotations.boxes import Boxes
from headstart.annotations.masks import BACKGROUND, IGNORED, Mask, MaskArray
from headstart.annotations.packed_masks import PackedMask
from headstart.annotations.plain import plain_annotation, run_lengths
from headstart.annotations.spans import Sentence, Span

__all__ = [
    "BACKGROUND",
    "IGNORED",
    "Boxes",
    "Mask",
    "MaskArray",
    "PackedMask",
    "Sentence",
    "Span",
    "plain_annotation",
    "run_lengths",
]
