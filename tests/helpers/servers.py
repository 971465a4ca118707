"""A server in a process of its own, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SECONDS = 120


class Server:
    """``headstart serve`` on a free port."""

    def __init__(self, run: Path, *words: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "headstart", "serve", str(run), "--port", "0", "--json", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})}
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        connection = self.connect()
        try:
            raw = None if body is None else json.dumps(body)
            connection.request(method, path, raw, {"Content-Type": "application/json"} if raw else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ask_patiently(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The same, with the text of an answer that is not JSON, as a proxy gives it."""
        try:
            return self.ask(method, path, body)
        except ValueError:
            return 500, "no JSON"

    def kill(self) -> None:
        """End it as a loss of power would, as far as the process can tell."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
