"""A PostgreSQL cluster of its own in a temporary folder, reached by a socket there; it never runs as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USERS = ("postgres", "nobody")
SECONDS = 120


def problem() -> str:
    """Why no cluster can be started here; empty if one can."""
    missing = [name for name in ("initdb", "pg_ctl") if _program(name) is None]
    if missing:
        return f"{' and '.join(missing)} of PostgreSQL not installed"
    if os.geteuid() == 0 and (shutil.which("setpriv") is None or _user() is None):
        return "PostgreSQL does not run as root, and setpriv or another user is missing"
    return ""


def _program(name: str) -> str | None:
    there = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(there[-1]) if there else None)


def _user() -> pwd.struct_passwd | None:
    known = {one.pw_name: one for one in pwd.getpwall()}
    return next((known[name] for name in USERS if name in known), None)


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a database."""
    # another user must reach it, and the path of a socket must be short
    folder = Path(tempfile.mkdtemp(prefix="hs-pg-", dir="/tmp" if os.geteuid() == 0 else None))
    prefix: list[str] = []
    if os.geteuid() == 0:
        user = _user()
        assert user is not None
        os.chown(folder, user.pw_uid, user.pw_gid)
        prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]

    def call(name: str, *words: str) -> None:
        command = [*prefix, str(_program(name)), "-D", str(folder / "data"), *words]
        subprocess.run(command, cwd=folder, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)

    call("initdb", "-U", "headstart", "-A", "trust", "-E", "UTF8", "--locale=C")
    options = f"-c listen_addresses='' -k {folder}"
    try:
        call("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        yield f"postgresql://headstart@/postgres?host={folder}"
    finally:
        call("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)
