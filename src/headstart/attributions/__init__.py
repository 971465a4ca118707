"""What an explanation is: attributions with their units, and how they look as plain text and as HTML.

Values and their appearance go in here. The methods that compute them are in `headstart.explain`, the page that shows
them is in `headstart.report`.
"""

from headstart.attributions.explanation import Attribution, Explanation, Novelty
from headstart.attributions.kinds import (
    ColumnShare,
    ColumnShares,
    LayerShare,
    LayerShares,
    PixelMap,
    Shown,
    TextShare,
    TextShares,
    TimeFrequencyMap,
    TrainingItem,
    TrainingItems,
)

__all__ = [
    "Attribution",
    "ColumnShare",
    "ColumnShares",
    "Explanation",
    "LayerShare",
    "LayerShares",
    "Novelty",
    "PixelMap",
    "Shown",
    "TextShare",
    "TextShares",
    "TimeFrequencyMap",
    "TrainingItem",
    "TrainingItems",
]
