"""The servers that are compared, each run as a process: ``python _serving_apps.py KIND SETTINGS``.

``ours`` is headstart as it is; ``single`` is the same server with one call of torch for each request; ``plain`` is what
one writes in twenty lines with FastAPI, and sentence-transformers or timm.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from headstart.engine.options import Engine
from headstart.serve import RequestLimits, ServeOptions, create_app
from headstart.serve.server import bound_socket, server_of, url_of


def ours(settings: dict[str, Any]) -> None:
    """Headstart's server, with its defaults."""
    _serve(settings["run"], ServeOptions(port=0))


def single(settings: dict[str, Any]) -> None:
    """The same server; each request is one call of torch in fp32."""
    options = ServeOptions(port=0, limits=RequestLimits(batch=1, wait=0.0), engine=Engine("torch", cache=False))
    _serve(settings["run"], options)


def _serve(run: str, options: ServeOptions) -> None:
    with bound_socket(options) as found:
        server = server_of(create_app(run, options), options)
        found.listen(1024)
        print(json.dumps({"url": url_of(found)}), flush=True)
        server.run(sockets=[found])


def plain_text(settings: dict[str, Any]) -> None:
    """FastAPI, sentence-transformers and scikit-learn."""
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    body = SentenceTransformer(settings["checkpoint"], device="cpu")
    head = LogisticRegression(max_iter=1000).fit(body.encode(settings["texts"]), settings["labels"])
    app = FastAPI()

    @app.post("/predict")
    def predict(given: dict[str, Any]) -> dict[str, Any]:
        shares = head.predict_proba(body.encode([given["item"]]))[0]
        return {"predictions": [{"label": str(head.classes_[shares.argmax()]), "probability": float(shares.max())}]}

    _run(app)


def plain_image(settings: dict[str, Any]) -> None:
    """FastAPI, Pillow and timm; the head is that of ImageNet, which costs the same."""
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    model = timm.create_model("mobilenetv2_100", checkpoint_path=settings["weights"]).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    app = FastAPI()

    @app.post("/predict")
    def predict(given: dict[str, Any]) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(base64.b64decode(given["item"]))).convert("RGB")
        with torch.inference_mode():
            shares = model(transform(picture)[None]).softmax(1)[0]
        return {"predictions": [{"label": str(int(shares.argmax())), "probability": float(shares.max())}]}

    _run(app)


def _run(app: FastAPI) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen(1024)
        print(json.dumps({"url": url_of(found)}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[found])


KINDS = {"ours": ours, "single": single, "plain_text": plain_text, "plain_image": plain_image}

if __name__ == "__main__":
    KINDS[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
