"""Metrics in the format of Prometheus; no label holds anything that a client sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["Meters"]

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MANY = "PROMETHEUS_MULTIPROC_DIR"  # set where several processes count
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """Counts of one application.

    Examples:
        >>> meters = Meters()
        >>> meters.watch(lambda: 3)
        >>> meters.answered("/predict", 200, 0.004)
        >>> "headstart_queue_depth 3.0" in meters.text().decode()
        True
    """

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self._requests = Counter("headstart_requests", "Requests by route and status.", ["route", "code"], registry=own)
        self._seconds = Histogram(
            "headstart_request_seconds",
            "Time from the headers to the answer.",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self._batches = Histogram("headstart_batch_size", "Items that ran together.", buckets=SIZES, registry=own)
        self._items = Counter("headstart_items", "Items that were answered.", registry=own)
        self._abstained = Counter("headstart_abstained", "Answers that were withheld.", registry=own)
        self._novel = Counter("headstart_novel", "Items unlike all training items.", registry=own)
        self._failed = Counter("headstart_failed_items", "Items that could not be read.", registry=own)
        self._model = Gauge(
            "headstart_model_info", "The version that answers.", ["version"], registry=own, multiprocess_mode="livemax"
        )
        self._depth = Gauge("headstart_queue_depth", "Items that wait.", registry=own, multiprocess_mode="livesum")
        self._waiting: Callable[[], int] = lambda: 0
        self._version = ""

    def watch(self, depth: Callable[[], int]) -> None:
        """Ask ``depth`` how many items wait, whenever the metrics are read."""
        self._waiting = depth

    def answered(self, route: str, code: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: the path of the route, with placeholders; never the path that was asked for.
            code: the status of the answer.
            seconds: that it took.
        """
        self._requests.labels(route, str(code)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batches.observe(size)

    def items(self, *, given: int, failed: int, abstained: int, novel: int) -> None:
        """Count the items of a request."""
        self._items.inc(given)
        self._failed.inc(failed)
        self._abstained.inc(abstained)
        self._novel.inc(novel)

    def version(self, name: str) -> None:
        """Say which version answers."""
        if self._version:
            self._model.labels(self._version).set(0)
        self._version = name
        self._model.labels(name).set(1)

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them; of all processes where there are several."""
        self._depth.set(self._waiting())
        if MANY not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        collect: Any = MultiProcessCollector  # it has no annotations
        collect(together)
        return generate_latest(together)
