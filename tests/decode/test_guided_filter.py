"""The guided filter against the direct least squares of each window."""

from __future__ import annotations

import numpy as np

from headstart.decode.guided_filter import box_mean, guided_filter


def test_it_is_the_mean_of_the_least_squares_lines_of_all_windows() -> None:
    rng = np.random.default_rng(0)
    guide, scores = rng.random((7, 9)), rng.random((7, 9, 2))
    radius, epsilon = 2, 1e-2
    lines = np.zeros((7, 9, 2, 2))
    for row in range(7):
        for column in range(9):
            part = (slice(max(row - radius, 0), row + radius + 1), slice(max(column - radius, 0), column + radius + 1))
            grey = guide[part].ravel()
            # minimise Σ (a I + b - p)² + n ε a², as one least squares problem with one more row
            design = np.stack([grey, np.ones_like(grey)], axis=1)
            design = np.vstack([design, [np.sqrt(len(grey) * epsilon), 0.0]])
            for k in range(2):
                lines[row, column, k] = np.linalg.lstsq(design, np.append(scores[part][..., k], 0.0), rcond=None)[0]
    wanted = np.zeros((7, 9, 2))
    for row in range(7):
        for column in range(9):
            around = lines[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
            slope, offset = around.reshape(-1, 2, 2).mean(axis=0).T
            wanted[row, column] = slope * guide[row, column] + offset
    np.testing.assert_allclose(guided_filter(guide, scores, radius, epsilon), wanted, atol=1e-6)


def test_the_box_mean_has_the_pixels_that_exist() -> None:
    values = np.random.default_rng(0).random((5, 6, 2))
    np.testing.assert_allclose(box_mean(values, 1)[0, 5], values[:2, 4:].mean((0, 1)))
    np.testing.assert_allclose(box_mean(values, 9)[2, 2], values.mean((0, 1)))
