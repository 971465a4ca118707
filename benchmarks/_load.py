"""A load generator for a server of HTTP/1.1: so many clients, each of which sends its next request after the answer.

Run as a process of its own; reads a JSON object of settings from standard input, and writes one with the latencies.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

READ = 2**16


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """Send one request on a kept connection; the status and the body of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return status, await reader.readexactly(length)


async def client(settings: dict[str, Any], jobs: asyncio.Queue[int], found: list[tuple[int, float, int, str]]) -> None:
    """One client: number of the item, seconds, status and label of each answer."""
    reader, writer = await asyncio.open_connection(settings["host"], settings["port"], limit=2**20)
    items = settings["items"]
    while True:
        try:
            place = jobs.get_nowait()
        except asyncio.QueueEmpty:
            break
        body = items[place % len(items)].encode()
        head = (
            f"POST {settings['path']} HTTP/1.1\r\nHost: {settings['host']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        status, answer = await ask(reader, writer, head.encode() + body)
        seconds = time.perf_counter() - began
        label = str(json.loads(answer)["predictions"][0]["label"]) if status == 200 else ""
        found.append((place, seconds, status, label))
    writer.close()


async def run(settings: dict[str, Any]) -> dict[str, Any]:
    """All clients, until all requests are answered."""
    jobs: asyncio.Queue[int] = asyncio.Queue()
    for place in range(settings["requests"]):
        jobs.put_nowait(place)
    found: list[tuple[int, float, int, str]] = []
    began = time.perf_counter()
    await asyncio.gather(*(client(settings, jobs, found) for _ in range(settings["clients"])))
    seconds = time.perf_counter() - began
    expected = settings.get("labels")
    wrong = 0
    if expected is not None:
        wrong = sum(label != expected[place % len(expected)] for place, _, status, label in found if status == 200)
    times = sorted(one[1] for one in found)
    return {
        "seconds": seconds,
        "answered": len({one[0] for one in found}),
        "refused": sum(one[2] != 200 for one in found),
        "wrong": wrong,
        "p50": times[len(times) // 2],
        "p99": times[min(len(times) - 1, int(len(times) * 0.99))],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
