"""Settings of a server, all with defaults that are safe on one's own machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from headstart.engine.options import Engine
from headstart.errors import ParameterError, UsageError
from headstart.params import check_number

__all__ = ["LOOPBACK", "RequestLimits", "ServeOptions"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIB = 2**20
SHORTEST_TOKEN = 16  # characters; shorter ones can be guessed


@dataclass(frozen=True)
class RequestLimits:
    """Bounds on what one request, and all of them together, may cost.

    Attributes:
        body_bytes: most bytes of a request's body, default 32 MiB.
        bodies_bytes: most bytes of all bodies that are held at once, default 256 MiB.
        items: most items of a request, default 1,000.
        characters: most characters of a text, default 100,000; models read far fewer.
        pixels: most pixels of a picture, default 50 million.
        seconds: longest sound in seconds, default 600.
        queue: most items that wait for the model, default 2,048; a request that does not fit is refused with 503.
        batch: most items that run through the body at once, default 64.
        wait: milliseconds that the first item of a batch waits for others, default 2.
        deadline: seconds until a request is given up with 504, default 30.
        read: seconds that a client may take to send its headers, and its body, default 20.
        connections: most connections at once, default 1,024; further ones are refused with 503.

    Raises:
        ParameterError: for a value out of its range.

    Examples:
        >>> RequestLimits(batch=8).queue
        2048
        >>> RequestLimits(batch=0)
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'batch' parameter of RequestLimits must be an integer in [1, inf)...
    """

    body_bytes: int = 32 * MIB
    bodies_bytes: int = 256 * MIB
    items: int = 1_000
    characters: int = 100_000
    pixels: int = 50_000_000
    seconds: float = 600.0
    queue: int = 2_048
    batch: int = 64
    wait: float = 2.0
    deadline: float = 30.0
    read: float = 20.0
    connections: int = 1_024

    def __post_init__(self) -> None:
        whole = ("body_bytes", "bodies_bytes", "items", "characters", "pixels", "queue", "batch", "connections")
        for name in whole:
            check_number(getattr(self, name), name, "RequestLimits", low=1, integer=True)
        for name in ("seconds", "wait", "deadline", "read"):
            check_number(getattr(self, name), name, "RequestLimits", low=0)
        if self.queue < self.items:
            raise ParameterError(
                f"The 'queue' parameter of RequestLimits must hold the {self.items} items of a request. Got "
                f"{self.queue} instead; raise it, or lower 'items'."
            )


@dataclass(frozen=True)
class ServeOptions:
    """How a model is served.

    Attributes:
        host: address to listen on, default the loopback address, which only this machine can reach.
        port: TCP port, default 8000; 0 for a free one.
        token: secret that requests must carry as ``Authorization: Bearer TOKEN``; empty for none.
        open: whether an address that other machines can reach may be served without a token.
        hosts: further values of the Host header that are accepted on the loopback address, such as the name by which
            a proxy on this machine is reached.
        store: where feedback is kept: a path, or the URL of a database; None for ``feedback.db`` in the run folder.
        teach_every: teach whenever so many corrections wait; None to teach only when asked to.
        pool: unlabelled data (a folder, table or list), of which labels are asked for; None for none.
        workers: processes that share the port, default 1.
        ray: address of a Ray cluster on which they run instead, as replicas of Ray Serve; None for this machine.
        limits: bounds on requests.
        engine: how items are encoded; nothing of a request is written to the feature store.

    Raises:
        UsageError: if other machines could reach it without a token, or the token is short.

    Examples:
        >>> ServeOptions().is_local, ServeOptions(host="0.0.0.0", token="0123456789abcdef").is_local
        (True, False)
        >>> ServeOptions(host="0.0.0.0")
        Traceback (most recent call last):
        headstart.errors.UsageError: Other machines can reach the address '0.0.0.0', so a token is needed: set ...
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default="", repr=False)
    open: bool = False
    hosts: tuple[str, ...] = ()
    store: str | Path | None = None
    teach_every: int | None = None
    pool: Any = None
    workers: int = 1
    ray: str | None = None
    limits: RequestLimits = RequestLimits()
    engine: Engine = Engine(cache=False)

    def __post_init__(self) -> None:
        check_number(self.port, "port", "ServeOptions", low=0, high=65_535, integer=True)
        if self.teach_every is not None:
            check_number(self.teach_every, "teach_every", "ServeOptions", low=1, integer=True)
        check_number(self.workers, "workers", "ServeOptions", low=1, integer=True)
        if self.token and (
            len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or not self.token.isprintable()
        ):
            raise UsageError(
                f"The token in HEADSTART_TOKEN must be at least {SHORTEST_TOKEN} printable ASCII characters, such as "
                "that of: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
        if not self.is_local and not self.token and not self.open:
            raise UsageError(
                f"Other machines can reach the address '{self.host}', so a token is needed: set HEADSTART_TOKEN, or "
                "allow requests without one with --no-token."
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return self.host in LOOPBACK or ip_address(self.host).is_loopback
        except ValueError:  # a name, which may stand for any address
            return False
