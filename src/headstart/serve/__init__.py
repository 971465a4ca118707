"""Serving a model over HTTP: `create_app` gives an ASGI application, `serve` runs it.

What answers requests goes in here; it needs the extra ``serve``, whose packages are imported on first use.
"""

from headstart.serve.application import create_app
from headstart.serve.options import RequestLimits, ServeOptions
from headstart.serve.server import serve

__all__ = ["RequestLimits", "ServeOptions", "create_app", "serve"]
