"""The application: a model behind HTTP, as ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import MissingExtraError
from headstart.serve.options import ServeOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["check_extra", "create_app"]

TITLE = "Headstart"


def check_extra() -> None:
    """Raise unless the packages of the extra ``serve`` are installed.

    Raises:
        MissingExtraError: with the pip command.

    Examples:
        >>> check_extra()
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Serving a model", "serve") from error


def create_app(run: str | Path, options: ServeOptions | None = None) -> FastAPI:
    """An ASGI application that serves the model of a run folder.

    The model is loaded and its body opened before this returns; any server of ASGI can run it.

    Args:
        run: the run folder of a fit.
        options: how it is served; default: on this machine alone.

    Raises:
        NoModelError: if the folder is not a model.
        MissingExtraError: without the extra ``serve``.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> from starlette.testclient import TestClient
        >>> data = (["good day", "fine day"] * 5 + ["bad end", "sad end"] * 5, ["up"] * 10 + ["down"] * 10)
        >>> folder = fit(data, source="toy", baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> with TestClient(create_app(folder), base_url="http://127.0.0.1") as client:
        ...     client.post("/predict", json={"item": "a fine day", "top": 1}).json()["predictions"][0]["label"]
        'up'
    """
    check_extra()
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException

    from headstart import __version__
    from headstart.serve.http.errors import RequestError, refusal
    from headstart.serve.http.guard import Guard
    from headstart.serve.routes import add_routes
    from headstart.serve.routes.context import Serving

    options = options or ServeOptions()
    serving = Serving.open(Path(run), options)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(serving.watch())
        yield
        watching.cancel()
        await asyncio.to_thread(serving.close)

    app = FastAPI(
        title=f"{TITLE}: {serving.name}", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        swagger_ui_oauth2_redirect_url=None,
    )  # fmt: skip
    app.state.serving = serving
    app.add_middleware(Guard, options=options, meters=serving.meters)
    app.add_exception_handler(HTTPException, refusal)
    app.add_exception_handler(RequestError, refusal)
    add_routes(app, serving)
    return app
