"""Training without labels: what is held out, and a body that kept its start."""

import numpy as np
import pytest

from headstart.errors import DataError, TrainingError
from headstart.sources.timm_architecture import timm_architecture
from headstart.tune.objectives.contract import held_out_items, trained_without_labels
from headstart.tune.objectives.masked import Masked
from headstart.tune.training.settings import Training


def test_groups_are_held_out_together():
    groups = np.repeat(np.arange(10), 5)
    out = held_out_items(50, groups, 3)
    assert out.sum() == 10
    assert all(len(set(out[groups == code])) == 1 for code in range(10))


def test_a_body_that_kept_its_start_is_refused():
    pictures = list(np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3)).astype(np.uint8))
    source = timm_architecture("test_resnet", side=32)
    useless = Masked(Training(epochs=1, batch_size=12, learning_rate=50.0, precision="fp32"))
    with pytest.raises(TrainingError, match="no source to keep"):
        trained_without_labels(useless, source, pictures)
    with pytest.raises(DataError, match="at least 20"):
        trained_without_labels(useless, source, pictures[:5])
