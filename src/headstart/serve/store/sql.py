"""Feedback in a database: SQLite in one file by default, or any database of SQLAlchemy by its URL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
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
from headstart.serve.store.events import ConflictError, Feedback, KeptFeedback

__all__ = ["SqlStore", "open_store"]

BUSY_SECONDS = 20  # that a writer waits for others
APPENDING = 7_283_411_905  # the advisory lock of PostgreSQL that orders appends
WRITING = "headstart_writing"  # an option of a connection
METADATA = MetaData()
FEEDBACK = Table(
    "headstart_feedback",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("written", String(40), nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("item", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("predicted", Text, nullable=False),
    Column("probability", Float),
    Column("who", String(200), nullable=False),
    Column("model_version", String(40), nullable=False),
    sqlite_autoincrement=True,  # numbers are never given twice, even after a row is removed by hand
)


class SqlStore:
    """A `headstart.serve.store.events.FeedbackStore` in a database.

    On SQLite each append is one transaction in write-ahead mode that is synchronised to disk before it returns.

    Args:
        engine: of SQLAlchemy; `open_store` makes it.

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

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def append(self, given: Sequence[Feedback]) -> list[int]:
        """Keep feedback, all or none, and return its numbers."""
        with self._writing() as connection:
            return [self._append_one(connection, one) for one in given]

    def _append_one(self, connection: Connection, given: Feedback) -> int:
        columns = (FEEDBACK.c.number, FEEDBACK.c.digest, FEEDBACK.c.label)
        there = connection.execute(select(*columns).where(FEEDBACK.c.key == given.key)).one_or_none()
        label = json.dumps(given.label, ensure_ascii=True)
        if there is not None:
            if (there.digest, there.label) != (given.digest, label):
                raise ConflictError(f"The key '{given.key}' was used for another item or label.")
            return int(there.number)
        row = {
            "key": given.key, "written": datetime.now(UTC).isoformat(timespec="milliseconds"), "digest": given.digest,
            "kind": given.kind, "item": given.item, "label": label, "predicted": json.dumps(given.predicted),
            "probability": given.probability, "who": given.who, "model_version": given.model_version,
        }  # fmt: skip
        found = connection.execute(insert(FEEDBACK).values(row)).inserted_primary_key
        return int(found[0]) if found else 0

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction; the next one begins after its commit, so that numbers become visible in their order."""
        try:
            with _transaction(self.engine) as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPENDING})
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise SaveError(f"The feedback was not kept: {_reason(error)}; send it again.") from error

    def events(self, after: int = 0, up_to: int | None = None, most: int | None = None) -> list[KeptFeedback]:
        """Feedback with ``after < number <= up_to``, ascending; the first ``most`` of it."""
        query = select(FEEDBACK).where(FEEDBACK.c.number > after).order_by(FEEDBACK.c.number)
        if up_to is not None:
            query = query.where(FEEDBACK.c.number <= up_to)
        if most is not None:
            query = query.limit(most)
        with self._reading() as connection:
            return [_kept(row) for row in connection.execute(query)]

    def last(self) -> int:
        """The largest number; 0 if there is none."""
        with self._reading() as connection:
            return int(connection.execute(select(func.max(FEEDBACK.c.number))).scalar() or 0)

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


def _kept(row: Any) -> KeptFeedback:
    given = Feedback(
        row.kind, bytes(row.item), json.loads(row.label), row.key, json.loads(row.predicted), row.probability, row.who,
        row.model_version,
    )  # fmt: skip
    return KeptFeedback(int(row.number), row.written, given)


def _reason(error: Exception) -> str:
    """What the driver says, in one line and without the statement."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]


def open_store(place: str | Path) -> SqlStore:
    """Open, or create, a store.

    Args:
        place: the file of a SQLite database, or the URL of a database, such as
            ``postgresql+psycopg://user@host/name``.

    Raises:
        UsageError: if the URL is not one, or the database cannot be opened.
        MissingExtraError: if its driver is not installed.

    Examples:
        >>> open_store("postgres://x")
        Traceback (most recent call last):
        headstart.errors.UsageError: There is no database of the kind 'postgres'; give a file, or a URL such as ...
    """
    url = str(place) if "://" in str(place) else f"sqlite:///{Path(place).absolute()}"
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
    return SqlStore(engine)


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
