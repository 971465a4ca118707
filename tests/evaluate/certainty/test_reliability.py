"""The debiased calibration error: against its definition, and no bias where the probabilities are right."""

import numpy as np
import pytest

from headstart.evaluate.certainty.reliability import calibration_error, reliability_block


def test_it_is_the_definition_of_kumar_et_al() -> None:
    rng = np.random.default_rng(0)
    sure = np.sort(rng.random(300))
    right = rng.random(300) < sure**2
    total = 0.0
    for part in np.split(np.arange(300), 15):
        share = right[part].mean()
        total += len(part) / 300 * ((sure[part].mean() - share) ** 2 - share * (1 - share) / (len(part) - 1))
    assert calibration_error(sure, right) == pytest.approx(np.sqrt(total))


def test_right_probabilities_have_less_error_than_the_biased_estimate_says() -> None:
    rng, found, biased = np.random.default_rng(0), [], []
    for _ in range(100):
        sure = rng.uniform(0.5, 1, 150)
        right = rng.random(150) < sure
        found.append(calibration_error(sure, right) ** 2)
        order = np.argsort(sure)
        biased.append(np.mean([(sure[p].mean() - right[p].mean()) ** 2 for p in np.split(order, 15)]))
    assert np.mean(found) < 0.5 * np.mean(biased)


def test_nothing_is_said_of_no_items() -> None:
    assert reliability_block([]) == {}
