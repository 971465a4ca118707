"""Names of timm's pretrained models."""

import pytest

from headstart.errors import UnknownNameError
from headstart.sources import open_source


def test_an_unknown_name_lists_the_nearest_few():
    """The message used to give one suggestion of the same first letters."""
    with pytest.raises(UnknownNameError) as caught:
        open_source("timm:resnet18.no_such_tag")
    assert "resnet18.a1_in1k" in str(caught.value)
    assert str(caught.value).count("resnet") >= 5
