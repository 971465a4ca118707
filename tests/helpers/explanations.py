"""An explanation with every kind of attribution, all of whose texts are the same one."""

from __future__ import annotations

import numpy as np

from headstart.attributions import (
    Attribution,
    ColumnShare,
    ColumnShares,
    Explanation,
    LayerShare,
    LayerShares,
    PixelMap,
    TextShare,
    TextShares,
    TimeFrequencyMap,
    TrainingItem,
    TrainingItems,
)


def every_kind(text: str) -> Explanation:
    item = TrainingItem(text, text, 0.5, 0.4, text)
    shown = [
        TextShares(text, (TextShare(text, 0, len(text), 1.0),)),
        ColumnShares((ColumnShare(text, text, -1.0),)),
        LayerShares((LayerShare(text, 1.0, 0.5, 0.2),), text),
        TrainingItems((item,), (item,), np.array([0.5])),
        PixelMap(np.eye(4), np.zeros((4, 4, 3), np.uint8), (2, 2)),
        TimeFrequencyMap(np.eye(4), np.eye(4), 1.0, np.arange(4.0)),
    ]
    found = tuple(Attribution(text, text, one, text, text, 1.0, 0.0, text, 1e-4, {text: 1.0}, (text,)) for one in shown)
    return Explanation(text, "text", text, text, text, text, {text: 1.0}, found, notes=(text,))
