"""The whole OpenAPI description, as schemathesis explores it: no request of any kind gives a 5xx."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, settings

from headstart.serve import RequestLimits, ServeOptions, create_app

schemathesis = pytest.importorskip("schemathesis")
OPTIONS = ServeOptions(hosts=("testserver",), limits=RequestLimits(items=20, characters=2000))
NOT_CHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.fixture(scope="module")
def api(text_run, tmp_path_factory):
    run = shutil.copytree(text_run, tmp_path_factory.mktemp("explored") / "run")
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(run, OPTIONS))


schema = schemathesis.pytest.from_fixture("api")


def check(case) -> None:
    answer = case.call(headers={"Host": "127.0.0.1"})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"].endswith(".")


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=NOT_CHECKED)
def test_a_few_requests_to_every_route(case):
    check(case)


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=NOT_CHECKED)
def test_many_requests_to_every_route(case):
    check(case)
