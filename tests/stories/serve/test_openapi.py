"""The whole OpenAPI description, as schemathesis explores it: no request of any kind gives a 5xx."""

from __future__ import annotations

import shutil

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings

from headstart.serve import RequestLimits, ServeOptions, create_app

schemathesis = pytest.importorskip("schemathesis")
POOL = ["where is it", "so kind of you", "give it back"]  # without one, GET /queue is 501
OPTIONS = ServeOptions(hosts=("testserver",), pool=POOL, limits=RequestLimits(items=20, characters=2000))
NOT_CHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.fixture(scope="module")
def api(text_run, tmp_path_factory):
    run = shutil.copytree(text_run, tmp_path_factory.mktemp("explored") / "run")
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(run, OPTIONS))


def explore(api, examples: int) -> int:
    """Send requests to every route, valid and invalid ones; returns how many were sent."""
    sent = 0
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=NOT_CHECKED)
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case) -> None:
                nonlocal sent
                answer = case.call(headers={**(case.headers or {}), "Host": "127.0.0.1"})
                sent += 1
                assert answer.status_code < 500, (case, answer.text)
                if answer.status_code >= 400:
                    assert answer.json()["error"].endswith(".")

            try:
                send()
            except hypothesis.errors.Unsatisfiable:  # a route without parameters has no invalid requests
                continue
    return sent


@pytest.mark.ci
def test_a_few_requests_to_every_route(api):
    assert explore(api, 3) > 40


@pytest.mark.slow
def test_many_requests_to_every_route(api):
    assert explore(api, 100) > 800
