"""The routes, one module for each concern or protocol.

A route reads a request, asks the model through the batcher, and writes the answer; nothing else goes in here.
"""

from __future__ import annotations

from fastapi import FastAPI

from headstart.serve.routes import (
    documentation,
    explain,
    feedback,
    health,
    instances,
    label_studio,
    open_inference,
    page,
    predict,
    queue,
    versions,
)  # fmt: skip
from headstart.serve.routes.context import Serving

__all__ = ["add_routes"]


def add_routes(app: FastAPI, serving: Serving) -> None:
    """Add every route.

    Args:
        app: the application.
        serving: what the routes share.

    Examples:
        >>> app = FastAPI()
        >>> add_routes(app, None)
        >>> "/predict" in [route.path for route in app.routes]
        True
    """
    for module in (
        predict,
        explain,
        feedback,
        queue,
        versions,
        instances,
        open_inference,
        label_studio,
        health,
        documentation,
        page,
    ):
        module.add(app, serving)
