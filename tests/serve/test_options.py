"""Which addresses only this machine can reach."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.serve import ServeOptions


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_addresses_need_no_token(host):
    assert ServeOptions(host=host).is_local


@pytest.mark.parametrize("host", ["127.example.com", "0.0.0.0", "127.0.0.1.example.com", "::"])
def test_names_that_look_like_the_loopback_address_need_a_token(host):
    with pytest.raises(UsageError, match="token is needed"):
        ServeOptions(host=host)
