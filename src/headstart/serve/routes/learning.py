"""How a server learns: a new version from the feedback that waits, at once or where enough of it waits."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from headstart.errors import HeadstartError, NoModelError, SaveError, UsageError
from headstart.serve.http.errors import RequestError
from headstart.serve.routes.context import Serving
from headstart.serve.teaching.from_feedback import Lesson, taught_by, taught_up_to, teach

__all__ = ["conflict", "learnt", "teach_if_due", "teach_now"]

LOG = logging.getLogger("headstart.serve")
TRIES = 3  # where another process puts a version in force meanwhile
NOTHING = {"taught": 0, "waiting": 0, "set_aside": 0, "taught_up_to": 0}


def teach_now(serving: Serving, after: int | None = None, up_to: int | None = None) -> Lesson:
    """Make a new version from feedback, and answer with it; blocks, so not in the event loop.

    Args:
        serving: the application.
        after: the feedback after this number; default: what no version was taught from.
        up_to: and up to this one; default: all.

    Raises:
        RequestError: 409 if the model cannot be updated, 501 if the store cannot be opened, 503 if another process is
            writing a version.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart import zero_shot
        >>> from headstart.serve.options import ServeOptions
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> serving = Serving.open(Path(run), ServeOptions())
        >>> teach_now(serving).version is None     # nothing waits
        True
        >>> serving.close()
    """
    try:
        store = serving.store
    except HeadstartError as error:
        raise RequestError(501, str(error)) from None
    for _ in range(TRIES):
        try:
            serving.follow()
            limits, served = serving.options.limits, serving.answering("teaches")
            lesson = teach(serving.run, served, store, limits=limits, after=after, up_to=up_to)
            serving.follow()
        except UsageError:  # another process put a version in force meanwhile
            continue
        except HeadstartError as error:
            raise conflict(error) from None
        return lesson
    raise RequestError(503, "Other processes keep changing the model; try again.", {"Retry-After": "2"})


def conflict(error: HeadstartError) -> RequestError:
    """The refusal of a change of the model.

    Args:
        error: the reason.

    Examples:
        >>> conflict(SaveError("Another process is writing.")).status
        503
    """
    if isinstance(error, SaveError):
        return RequestError(503, str(error), {"Retry-After": "2"})
    return RequestError(404 if isinstance(error, NoModelError) else 409, str(error))


async def teach_if_due(serving: Serving) -> None:
    """Begin to teach, in the background, where so much feedback waits as ``--teach-every`` says.

    Args:
        serving: the application.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart import zero_shot
        >>> from headstart.serve.options import ServeOptions
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> serving = Serving.open(Path(run), ServeOptions(teach_every=3))
        >>> asyncio.run(teach_if_due(serving)), len(serving.lessons)     # nothing waits
        (None, 0)
        >>> serving.close()
    """
    every = serving.options.teach_every
    if every is None or serving.lessons:
        return
    try:
        waiting = (await serving.storing(learnt, serving))["waiting"]
    except (RequestError, HeadstartError) as error:  # the feedback is committed, so its client must hear that
        LOG.warning("How much feedback waits is not known: %s", error)
        return
    if waiting >= every:
        task = asyncio.create_task(_teach_quietly(serving))
        serving.lessons.add(task)
        task.add_done_callback(serving.lessons.discard)


async def _teach_quietly(serving: Serving) -> None:
    try:
        await serving.changing(teach_now, serving)
    except (RequestError, HeadstartError) as error:  # the feedback is kept, and taught with the next
        LOG.warning("What waits was not taught: %s", error)


def learnt(serving: Serving) -> dict[str, Any]:
    """How much feedback the version in force was taught from, waits, and was set aside by going back.

    ``taught_up_to`` is the number of the last feedback that it was taught from: ``POST /teach`` with this as ``after``
    teaches what was set aside, too.

    Args:
        serving: the application.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from headstart import zero_shot
        >>> from headstart.serve.options import ServeOptions
        >>> run = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> serving = Serving.open(Path(run), ServeOptions())
        >>> learnt(serving)
        {'taught': 0, 'waiting': 0, 'set_aside': 0, 'taught_up_to': 0}
        >>> serving.close()
    """
    if not serving.has_store:
        return dict(NOTHING)
    done, (taught, own) = taught_up_to(serving.run, serving.store), taught_by(serving.run)
    waiting = serving.store.count(done)
    aside = serving.store.count(own, done) if own < done else 0
    return {"taught": taught, "waiting": waiting, "set_aside": aside, "taught_up_to": own}
