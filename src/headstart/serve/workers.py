"""Several processes that share one port: each has its own model, all share the store and the version in force."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from headstart.errors import HeadstartError
from headstart.serve.options import ServeOptions

__all__ = ["run_workers"]

POLL = 0.2  # seconds between looks at the processes
LOADING = 600.0  # seconds that a process may take to load the model
METRICS = "PROMETHEUS_MULTIPROC_DIR"  # where the processes leave their counts; read by prometheus_client


Work = Callable[[Path, ServeOptions, socket.socket, Connection], None]
"""What a process does: it reports that it is ready, or why not, and then serves until SIGTERM."""


def run_workers(
    run: Path, options: ServeOptions, found: socket.socket, *, work: Work, ready: Callable[[], None]
) -> int:
    """Serve with several processes until a signal comes; one that dies is replaced.

    Args:
        run: the run folder.
        options: with the number of processes.
        found: the bound socket, on which all of them accept connections.
        work: a function of a module, which each process runs.
        ready: called when all have loaded the model.

    Returns:
        The number of the signal.

    Raises:
        HeadstartError: if the first process cannot load the model, with its reason.

    Examples:
        >>> from headstart.serve.server import serve_in_process
        >>> with socket.socket() as found:     # doctest: +SKIP
        ...     run_workers(Path("no-such-run"), ServeOptions(workers=2), found, work=serve_in_process, ready=print)
        Traceback (most recent call last):
        headstart.errors.HeadstartError: 'no-such-run' is not a model folder (there is no such folder); ...
    """
    metrics = tempfile.mkdtemp(prefix="headstart-metrics-")
    before = os.environ.get(METRICS)
    os.environ[METRICS] = metrics
    pool = _Pool(run, options, found, work)
    try:
        return pool.run(ready)
    finally:
        pool.stop()
        shutil.rmtree(metrics, ignore_errors=True)
        os.environ.pop(METRICS)
        if before is not None:
            os.environ[METRICS] = before


class _Pool:
    """The processes, and the signal that ends them."""

    def __init__(self, run: Path, options: ServeOptions, found: socket.socket, work: Work) -> None:
        self.run_folder, self.options, self.found, self.work = run, options, found, work
        self.signal = 0
        self.processes: list[SpawnProcess] = []
        self._context = multiprocessing.get_context("spawn")

    def run(self, ready: Callable[[], None]) -> int:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._ask) for number in numbers}
        try:
            pipes = [self._start() for _ in range(self.options.workers)]
            for pipe in pipes:
                self._wait(pipe)
            if not self.signal:
                ready()
            while not self.signal:
                time.sleep(POLL)
                self._replace_dead()
            return self.signal
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or number

    def _start(self) -> Connection:
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=self.work, args=(self.run_folder, self.options, self.found, there), name="headstart-worker"
        )
        process.start()
        there.close()
        self.processes.append(process)
        return here

    def _wait(self, pipe: Connection) -> None:
        """Wait until a process has loaded the model, or raise its reason."""
        until = time.monotonic() + LOADING
        while not self.signal and not pipe.poll(POLL):
            if time.monotonic() > until:
                raise HeadstartError("A process did not load the model in time; start fewer of them.")
        if self.signal:
            return
        try:
            problem = pipe.recv_bytes().decode()
        except EOFError:
            problem = "a process ended while it loaded the model; there may be too little memory for so many"
        if problem:
            raise HeadstartError(problem)

    def _replace_dead(self) -> None:
        dead = [process for process in self.processes if not process.is_alive()]
        for process in dead:
            self.processes.remove(process)
            if self.signal:
                return
            pipe = self._start()
            try:
                self._wait(pipe)
            except HeadstartError:
                time.sleep(POLL)  # the next look starts another one

    def stop(self) -> None:
        """End the processes; each answers what it has taken."""
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(self.options.limits.deadline + 15)
            if process.is_alive():
                process.kill()
                process.join()
