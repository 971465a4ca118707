"""Feedback in a database: SQLite in one file by default, or any database of SQLAlchemy by its URL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    text,
)  # fmt: skip
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from headstart.errors import MissingExtraError, SaveError, UsageError
from headstart.serve.store.events import ConflictError, Feedback, KeptFeedback, Mark

__all__ = ["SqlStore", "open_store"]

BUSY_SECONDS = 20  # that a writer waits for others
APPENDING = 7_283_411_905  # the advisory lock of PostgreSQL that orders appends
WRITING = "headstart_writing"  # an option of a connection
METADATA = MetaData()
FEEDBACK = Table(
    "headstart_feedback",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("model", String(64), nullable=False),
    Column("key", String(200), nullable=False),
    Column("written", String(40), nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("item", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("predicted", Text, nullable=False),
    Column("probability", Float),
    Column("who", String(200), nullable=False),
    Column("model_version", String(40), nullable=False),
    UniqueConstraint("model", "key"),
    sqlite_autoincrement=True,  # numbers are never given twice, even after a row is removed by hand
)
TAUGHT = Table(
    "headstart_taught",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("model", String(64), nullable=False, index=True),
    Column("written", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("up_to", Integer, nullable=False),
    sqlite_autoincrement=True,
)
ROWS = 64  # that are fetched at once: items may be large
MOST_VALUES = 5_000  # in one query; SQLite takes 32,766, PostgreSQL 65,535


class SqlStore:
    """A `headstart.serve.store.events.FeedbackStore` in a database.

    On SQLite each append is one transaction in write-ahead mode that is synchronised to disk before it returns.

    Args:
        engine: of SQLAlchemy; `open_store` makes it.
        model: whose feedback this is; several models may share a database.

    Examples:
        >>> import tempfile
        >>> store = open_store(Path(tempfile.mkdtemp()) / "feedback.db")
        >>> given = Feedback("text", b"my parcel", "delivery", key="a")
        >>> store.append([given]), store.append([given]), store.last()
        ([1], [1], 1)
        >>> store.append([Feedback("text", b"my parcel", "refund", key="a")])
        Traceback (most recent call last):
        headstart.serve.store.events.ConflictError: The key 'a' was used for another item or label.
        >>> store.events()[0].feedback == given
        True
        >>> store.close()
    """

    def __init__(self, engine: Engine, model: str = "") -> None:
        self.engine, self.model = engine, model

    def append(self, given: Sequence[Feedback]) -> list[int]:
        """Keep feedback, all or none, and return its numbers."""
        with self._writing("the feedback") as connection:
            return [self._append_one(connection, one) for one in given]

    def _append_one(self, connection: Connection, given: Feedback) -> int:
        columns = (FEEDBACK.c.number, FEEDBACK.c.digest, FEEDBACK.c.label)
        query = select(*columns).where(FEEDBACK.c.model == self.model, FEEDBACK.c.key == given.key)
        there = connection.execute(query).one_or_none()
        label = json.dumps(given.label, ensure_ascii=True)
        if there is not None:
            if (there.digest, there.label) != (given.digest, label):
                raise ConflictError(f"The key '{given.key}' was used for another item or label.")
            return int(there.number)
        row = {
            "model": self.model, "key": given.key, "written": _now(), "digest": given.digest, "kind": given.kind,
            "item": given.item, "label": label, "predicted": json.dumps(given.predicted),
            "probability": given.probability, "who": given.who, "model_version": given.model_version,
        }  # fmt: skip
        found = connection.execute(insert(FEEDBACK).values(row)).inserted_primary_key
        return int(found[0]) if found else 0

    @contextmanager
    def _writing(self, what: str) -> Iterator[Connection]:
        """One transaction; the next one begins after its commit, so that numbers become visible in their order."""
        is_committing = False
        try:
            with _transaction(self.engine) as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SET LOCAL synchronous_commit TO on"))
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPENDING})
                yield connection
                is_committing = True
        except (SQLAlchemyError, OSError) as error:
            said = f"It is not known whether {what} was kept" if is_committing else f"{what.capitalize()} was not kept"
            raise SaveError(f"{said} ({_reason(error)}); try again, with the same key.") from error

    def events(self, after: int = 0, up_to: int | None = None, most_bytes: int | None = None) -> list[KeptFeedback]:
        """Feedback with ``after < number <= up_to``, ascending; no more after ``most_bytes`` of items."""
        query = select(FEEDBACK).where(*self._between(after, up_to)).order_by(FEEDBACK.c.number)
        found, size = [], 0
        with self._reading() as connection, connection.execution_options(yield_per=ROWS).execute(query) as rows:
            for row in rows:
                found.append(_kept(row))
                size += len(row.item)
                if most_bytes is not None and size >= most_bytes:
                    break
        return found

    def last(self) -> int:
        """The largest number; 0 if there is none."""
        query = select(func.max(FEEDBACK.c.number)).where(FEEDBACK.c.model == self.model)
        with self._reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def count(self, after: int = 0, up_to: int | None = None) -> int:
        """How much feedback there is with ``after < number <= up_to``."""
        query = select(func.count()).select_from(FEEDBACK).where(*self._between(after, up_to))
        with self._reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def known(self, digests: Sequence[str]) -> set[str]:
        """Which of these digests of items there is feedback on."""
        query = select(FEEDBACK.c.digest).where(FEEDBACK.c.model == self.model)
        found: set[str] = set()
        with self._reading() as connection:
            for start in range(0, len(digests), MOST_VALUES):
                some = digests[start : start + MOST_VALUES]
                found |= set(connection.execute(query.where(FEEDBACK.c.digest.in_(some))).scalars())
        return found

    def mark(self, mark: Mark) -> None:
        """Keep what a version was taught from."""
        row = {"model": self.model, "written": _now(), **asdict(mark)}
        with self._writing("the note of what a version was taught from") as connection:
            connection.execute(insert(TAUGHT).values(row))

    def marks(self) -> list[Mark]:
        """All marks, the oldest first."""
        query = select(TAUGHT).where(TAUGHT.c.model == self.model).order_by(TAUGHT.c.number)
        with self._reading() as connection:
            return [Mark(row.version, row.after, row.up_to) for row in connection.execute(query)]

    def _between(self, after: int, up_to: int | None) -> list[ColumnElement[bool]]:
        found = [FEEDBACK.c.model == self.model, FEEDBACK.c.number > after]
        return found if up_to is None else [*found, FEEDBACK.c.number <= up_to]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise SaveError(f"The feedback cannot be read: {_reason(error)}.") from error

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes."""
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        yield connection


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _kept(row: Any) -> KeptFeedback:
    given = Feedback(
        row.kind, bytes(row.item), json.loads(row.label), row.key, json.loads(row.predicted), row.probability, row.who,
        row.model_version,
    )  # fmt: skip
    return KeptFeedback(int(row.number), row.written, given)


def _reason(error: Exception) -> str:
    """What the driver says, in one line and without the statement."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]


def open_store(place: str | Path, model: str = "") -> SqlStore:
    """Open, or create, a store.

    Args:
        place: the file of a SQLite database, or the URL of a database, such as
            ``postgresql+psycopg://user@host/name``; ``postgresql://`` is the same.
        model: whose feedback it is to keep; several models may share a database.

    Raises:
        UsageError: if the URL is not one, or the database cannot be opened.
        MissingExtraError: if its driver is not installed.

    Examples:
        >>> open_store("postgres://x")
        Traceback (most recent call last):
        headstart.errors.UsageError: There is no database of the kind 'postgres'; give a file, or a URL such as ...
    """
    url = str(place) if "://" in str(place) else f"sqlite:///{Path(place).absolute()}"
    url = url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url
    try:
        kind = make_url(url).get_backend_name()
        engine = _sqlite(url) if kind == "sqlite" else create_engine(url, pool_pre_ping=True)
        with _transaction(engine) as connection:
            METADATA.create_all(connection, checkfirst=True)
    except NoSuchModuleError as error:
        raise UsageError(
            f"There is no database of the kind '{url.partition(':')[0]}'; give a file, or a URL such as "
            "postgresql+psycopg://user@host/name."
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtraError("A store in PostgreSQL", "postgresql") from error
    except (ArgumentError, SQLAlchemyError, OSError) as error:
        raise UsageError(
            f"The store of feedback cannot be opened: {_reason(error)}; name another with --store."
        ) from error
    return SqlStore(engine, model)


def _sqlite(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # items may be private
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _entry: ConnectionPoolEntry) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_SECONDS * 1000}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a writer locks at once, else two could both read before either writes; readers wait for nobody
        is_writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine
