"""Small domains for the tests of ``headstart.adapt``, and the reference numbers that other libraries give for them.

``python tests/helpers/adaptation_references.py`` writes ``tests/adapt/references.json``. It needs QuaPy, POT and skada,
which take seconds to import, so the tests read the numbers from the file; it names the versions.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "adapt" / "references.json"


@cache
def references() -> dict[str, Any]:
    """The numbers of the file."""
    return json.loads(FILE.read_text())


def predictions(seed: int = 0, n: int = 120, m: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left-out probabilities (n, 3) with labels, and probabilities of new items with other class shares."""
    rng = np.random.default_rng(seed)

    def model(y):
        scores = 2.0 * np.eye(3)[y] + rng.normal(size=(len(y), 3)) + [0.3, 0.0, 0.0]
        raised = np.exp(scores)
        return raised / raised.sum(axis=1, keepdims=True)

    ys, yt = rng.choice(3, n, p=[0.5, 0.3, 0.2]), rng.choice(3, m, p=[0.2, 0.3, 0.5])
    return model(ys), ys, model(yt)


def domains(seed: int = 0, n: int = 30, m: int = 25, d: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labelled source rows (n, d) of two classes, and target rows (m, d), which are scaled, mixed and moved."""
    rng = np.random.default_rng(seed)
    ys, yt = np.arange(n) % 2, np.arange(m) % 2
    means = np.vstack([np.zeros(d), 2.0 + np.arange(d) / d])
    mixing = np.eye(d) + 0.3 * rng.normal(size=(d, d))
    xs = means[ys] + rng.normal(size=(n, d))
    xt = (means[yt] + rng.normal(size=(m, d))) @ mixing + 1.0
    return xs, ys, xt


def scaled(xs: np.ndarray, xt: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of both domains divided by their scale within the domains, and this scale."""
    scale = np.sqrt((xs.var(axis=0) + xt.var(axis=0)) / 2)
    return xs / scale, xt / scale, scale


def from_quapy() -> dict[str, Any]:
    import quapy
    from quapy.functional import normalize_prevalence
    from quapy.method.aggregative import ACC, EMQ, PACC

    left_out, y, new = predictions()
    hard, hard_new = left_out.argmax(axis=1), new.argmax(axis=1)
    crisp = ACC.getPteCondEstim(np.arange(3), y, hard)
    soft = PACC.getPteCondEstim(np.arange(3), y, left_out)
    shares = np.bincount(y) / len(y)

    def adjusted(rates, counts):
        return normalize_prevalence(ACC.solve_adjustment(rates, counts, "inversion", "exact-raise"), method="clip")

    return {
        "version": quapy.__version__,
        "acc": adjusted(crisp, np.bincount(hard_new, minlength=3) / len(new)).tolist(),
        "pacc": adjusted(soft, new.mean(axis=0)).tolist(),
        "emq": EMQ.EM(shares, new, epsilon=1e-12)[0].tolist(),
    }


def from_pot() -> dict[str, Any]:
    import ot

    xs, _, xt = domains()
    a, b = np.full(len(xs), 1 / len(xs)), np.full(len(xt), 1 / len(xt))
    cost = ot.dist(xs, xt)
    cost /= np.median(cost)
    balanced = ot.sinkhorn(a, b, cost, 0.1, method="sinkhorn_log", numItermax=20_000, stopThr=1e-14)
    unbalanced = ot.sinkhorn_unbalanced(
        a, b, cost, 0.1, 0.5, method="sinkhorn_stabilized", numItermax=20_000, stopThr=1e-14
    )
    zs, zt, scale = scaled(xs, xt)
    moments = (zs.mean(axis=0), zt.mean(axis=0), np.cov(zs.T, bias=True), np.cov(zt.T, bias=True))
    weight, bias = ot.gaussian.bures_wasserstein_mapping(*moments)
    return {
        "version": ot.__version__,
        "balanced": (balanced / balanced.sum(axis=1, keepdims=True) @ xt).tolist(),
        "unbalanced": (unbalanced / unbalanced.sum(axis=1, keepdims=True) @ xt).tolist(),
        "unbalanced mass": (unbalanced.sum(axis=1) * len(xs)).tolist(),
        "linear monge": ((zs @ weight + bias) * scale).tolist(),
    }


def from_skada() -> dict[str, Any]:
    import skada

    xs, ys, xt = domains()
    x, side = np.vstack([xs, xt]), np.r_[np.ones(len(xs)), -np.ones(len(xt))].astype(int)
    y = np.r_[ys, -np.ones(len(xt))].astype(int)

    def mapped(adapter, x, scale=1.0):
        out = scale * np.asarray(adapter.fit_transform(x, y, sample_domain=side))
        return {"source": out[: len(xs)].tolist(), "target": out[len(xs) :].tolist()}

    alignment = mapped(skada.SubspaceAlignmentAdapter(n_components=2, random_state=0), x)
    *rows, scale = scaled(xs, xt)
    return {
        "version": skada.__version__,
        "coral 0.2": mapped(skada.CORALAdapter(reg=0.2), np.vstack(rows), scale),
        "subspace alignment": alignment,
    }


def main() -> None:
    made = {"quapy": from_quapy(), "pot": from_pot(), "skada": from_skada()}
    FILE.write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
