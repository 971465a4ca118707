"""Small models that Keras wrote, once for all tests of this folder."""

import numpy as np
import pytest
from keras_models import OPERATORS, TINY, run_keras


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The folder of the models."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("keras")
    run_keras(TINY + OPERATORS, str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny(written):
    """The file of a small model, and what Keras computes."""
    return written / "tiny.keras", dict(np.load(written / "out.npz"))


@pytest.fixture(scope="session")
def operators(written):
    """Models whose last layer is an operator or works on an axis, and what Keras computes."""
    return written, dict(np.load(written / "operators.npz"))
