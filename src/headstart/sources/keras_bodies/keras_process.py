"""What Keras knows of one of its applications, as JSON on the standard output; run as a process of its own.

It replaces functions of Keras and chooses a backend, which must not reach the process that asks; nothing is downloaded.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ()  # it is run, not imported


def main(name: str) -> int:
    """Print the configuration of an application without its classifier, and the name and digest of its weights.

    Args:
        name: of a function in ``keras.applications``.
    """
    warnings.simplefilter("ignore")  # those of Keras' import, about numpy's protocol
    import keras
    from keras.src.utils import file_utils

    asked: dict[str, str] = {}

    def get_file(fname: str, *_origin: str, file_hash: str | None = None, **_others: Any) -> str:
        asked.update(file=fname, md5=file_hash or "")
        return ""

    # With weights "imagenet" some architectures have a further layer, so the name is given, and nothing is loaded.
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [(file_utils, "get_file", get_file)]
    replaced.append((keras.Model, "load_weights", lambda *_args, **_others: None))
    for owner, attribute, replacement in replaced:
        if attribute not in vars(owner):
            raise AttributeError(f"Keras {keras.__version__} has no {attribute} where release 3.15 has it")
        setattr(owner, attribute, replacement)
    model = vars(keras.applications)[name](weights="imagenet", include_top=False)
    sys.stdout.write("\n" + json.dumps({"model": json.loads(model.to_json()), **asked}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
