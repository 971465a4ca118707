"""Tensors of clients: shapes and lengths that do not fit, or stand for more than the body holds, are refused."""

from __future__ import annotations

import json

import pytest

from headstart.serve.http.errors import RequestError
from headstart.serve.http.tensors import parse_infer


def body(**changes):
    tensor = {"name": "row", "datatype": "FP64", "shape": [1, 2], "data": [1.0, 2.0], **changes}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.mark.parametrize("shape", [[2**31 - 1, 0], [2**31 - 1, 0, 4, 3], [1, 2, 0]])
def test_a_shape_without_elements_cannot_stand_for_billions_of_items(shape):
    with pytest.raises(RequestError, match="first dimension only"):
        parse_infer(body(shape=shape, data=[]), None)


def test_no_items_are_a_shape_that_begins_with_0():
    assert parse_infer(body(shape=[0, 2], data=[]), None)[1][0].data.shape == (0, 2)


@pytest.mark.parametrize("length", ["-1", "1e3", "0" * 5000, "99999999999", "9999"])
def test_a_length_that_does_not_fit_is_refused(length):
    with pytest.raises(RequestError, match="does not fit the body"):
        parse_infer(body(), length)
