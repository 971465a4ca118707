"""A server of a run folder on the loopback address, in a thread of the test or in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.serve import ServeOptions, create_app
from headstart.serve.server import bound_socket, server_of, url_of


@contextmanager
def served_in_a_thread(run: Path, options: ServeOptions | None = None) -> Iterator[str]:
    """The URL of a server that runs until the block ends."""
    options = replace(options or ServeOptions(), port=0)
    with bound_socket(options) as found:
        server = server_of(create_app(run, options), options)
        found.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
        thread.start()
        try:
            yield url_of(found)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


class ServerProcess:
    """``headstart serve`` as a user starts it."""

    def __init__(self, run: Path, *words: str) -> None:
        command = [sys.executable, "-m", "headstart", "serve", str(run), "--port", "0", "--json", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(self.process.communicate()[1])
        self.url = json.loads(line)["url"]

    def stop(self, number: int) -> tuple[int, str]:
        """Its exit code, and what it said, after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        err = self.process.communicate(timeout=120)[1]
        return self.process.returncode, err
