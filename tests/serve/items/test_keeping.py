"""Items as the store keeps them: what JSON cannot hold is an item that cannot be read, not a failure of the server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headstart.errors import ItemError
from headstart.serve import RequestLimits
from headstart.serve.items.keeping import item_to_keep


def test_a_record_with_a_number_that_json_cannot_hold_is_refused():
    served = SimpleNamespace(modality="multimodal")
    assert item_to_keep({"price": 1.5}, served, RequestLimits()) == ("json", b'{"price": 1.5}')
    with pytest.raises(ItemError, match="finite"):
        item_to_keep({"price": float("inf")}, served, RequestLimits())
