"""The applications of Keras: their architectures, preprocessing and cached weights; nothing is downloaded.

Reference: https://keras.io/api/applications
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.engine.body.machine import package_version
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import MissingExtraError, SourceError, UnknownNameError
from headstart.io import file_digest

__all__ = ["APPLICATIONS", "Application", "application", "cached_weights", "keras_folder", "license_of", "weights_file"]

PROCESS = Path(__file__).with_name("keras_process.py")
MAX_SECONDS = 600
# The start of a name to how `preprocess_input` of its family treats pixels, and the side of its pictures.
FAMILIES = {
    "VGG": ("caffe", 224), "ResNet50V2": ("tf", 224), "ResNet101V2": ("tf", 224), "ResNet152V2": ("tf", 224),
    "ResNet": ("caffe", 224), "MobileNet": ("tf", 224), "EfficientNetV2": ("none", 224),
    "EfficientNetB": ("none", 224), "Xception": ("tf", 299), "InceptionV3": ("tf", 299), "DenseNet": ("torch", 224),
    "ConvNeXt": ("none", 224),
}  # fmt: skip
SIDES = {
    "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300, "EfficientNetB4": 380, "EfficientNetB5": 456,
    "EfficientNetB6": 528, "EfficientNetB7": 600, "EfficientNetV2B1": 240, "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300, "EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480,
}  # fmt: skip
APPLICATIONS = (
    "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet",
    "MobileNetV2", "DenseNet121", "DenseNet169", "DenseNet201", "Xception",
    "InceptionV3", *(f"EfficientNetB{k}" for k in range(8)), *(f"EfficientNetV2B{k}" for k in range(4)),
    *(f"EfficientNetV2{size}" for size in "SML"),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
)  # fmt: skip


# The licence of a family's weights, as the documentation of keras.applications states it; the others' is not stated.
LICENSES = {
    "VGG": "CC-BY-4.0", "ResNet50V2": "BSD-3-Clause", "ResNet101V2": "BSD-3-Clause", "ResNet152V2": "BSD-3-Clause",
    "ResNet": "MIT", "MobileNet": "Apache-2.0", "Xception": "MIT", "InceptionV3": "Apache-2.0",
    "DenseNet": "BSD-3-Clause",
}  # fmt: skip


# Names of weights' files that do not follow from the application's name.
OTHER_FILES = {
    "MobileNet": "mobilenet_1_0_224_tf_no_top.h5",
    "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "InceptionV3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


@dataclass(frozen=True)
class Application:
    """One of Keras' applications, without its classifier and without weights.

    Attributes:
        model: its configuration, as Keras writes it.
        preprocessing: ``"caffe"``, ``"tf"``, ``"torch"`` or ``"none"``.
        side: height and width of its pictures, in pixels.
        file: name of the file of its ImageNet weights.
        md5: that file's digest as Keras states it; empty where it states none.
    """

    model: dict[str, Any]
    preprocessing: str
    side: int
    file: str
    md5: str


def preprocessing_of(name: str) -> tuple[str, int]:
    """How an application treats pixels, and the side of its pictures.

    Examples:
        >>> preprocessing_of("VGG16"), preprocessing_of("EfficientNetB3")
        (('caffe', 224), ('none', 300))
    """
    if name not in APPLICATIONS:
        raise UnknownNameError("Keras application", name, APPLICATIONS)
    mode, side = next(found for start, found in FAMILIES.items() if name.startswith(start))
    return mode, SIDES.get(name, side)


def license_of(name: str) -> str | None:
    """The licence of an application's weights as Keras' documentation states it; None where it states none.

    Examples:
        >>> license_of("VGG16"), license_of("ResNet50"), license_of("EfficientNetB0")
        ('CC-BY-4.0', 'MIT', None)
    """
    return next((found for start, found in LICENSES.items() if name.startswith(start)), None)


def weights_file(name: str) -> str:
    """The name of the file of an application's ImageNet weights without the classifier, as Keras caches it.

    Examples:
        >>> weights_file("VGG16"), weights_file("EfficientNetV2B0")
        ('vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5', 'efficientnetv2-b0_notop.h5')
    """
    for start, own in (
        ("EfficientNetV2", "efficientnetv2-"),
        ("EfficientNet", "efficientnet"),
        ("ConvNeXt", "convnext_"),
    ):
        if name.startswith(start):
            return f"{own}{name.removeprefix(start).lower()}_notop.h5"
    return OTHER_FILES.get(name, f"{name.lower()}_weights_tf_dim_ordering_tf_kernels_notop.h5")


def application(name: str) -> Application:
    """The architecture of an application; Keras builds it once in a process of its own, then it is in the cache.

    Raises:
        UnknownNameError: if there is none of this name.
        MissingExtraError: if Keras is not installed.
        SourceError: if Keras cannot build it.

    Examples:
        >>> application("VGG17")
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: ...VGG17...
    """
    mode, side = preprocessing_of(name)
    release = package_version("keras")
    if not release:
        raise MissingExtraError(f"The source 'keras:{name}'", "keras")
    cache = BodyCache(recipe_key("keras application", 1, release, name))
    found = cache.read("application")
    if found is None:
        found = _build(name)
        cache.write("application", found)
    return Application(found["model"], mode, side, found["file"], found["md5"])


def keras_folder() -> Path:
    """The folder that Keras caches weights in: ``KERAS_HOME``, else ``~/.keras``, and ``models`` in it.

    Examples:
        >>> keras_folder().name
        'models'
    """
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def cached_weights(name: str, known: Application) -> Path:
    """The ImageNet weights of an application in Keras' cache.

    Raises:
        SourceError: if they are not there, or are not the file that Keras expects.

    Examples:
        >>> cached_weights("VGG16", Application({}, "caffe", 224, "nowhere.h5", ""))
        Traceback (most recent call last):
        headstart.errors.SourceError: The weights of 'keras:VGG16' are not on this machine; put 'nowhere.h5' into ...
    """
    file = keras_folder() / known.file
    if not file.is_file():
        raise SourceError(
            f"The weights of 'keras:{name}' are not on this machine; put '{known.file}' into '{file.parent}', or run "
            f'once while online: python -c "import keras; keras.applications.{name}(include_top=False)".'
        )
    if known.md5:
        digest = file_digest(file, "md5")
        if digest != known.md5:
            raise SourceError(
                f"'{file}' has the md5 digest {digest[:12]}..., but Keras states {known.md5[:12]}...; fetch it again."
            )
    return file


def _build(name: str) -> dict[str, Any]:
    """The configuration of an application, and the name and digest of its weights, which are not fetched."""
    with tempfile.TemporaryDirectory() as home:  # settings of the user, such as channels first, must not matter
        own = {"KERAS_BACKEND": "torch", "KERAS_HOME": home, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-P", str(PROCESS), name]
        try:
            done = subprocess.run(  # noqa: S603 - the name is one of APPLICATIONS
                command, capture_output=True, timeout=MAX_SECONDS, check=False, env={**os.environ, **own}
            )
        except subprocess.TimeoutExpired as error:
            raise _not_built(name, f"it took more than {MAX_SECONDS} seconds") from error
        except OSError as error:
            raise _not_built(name, str(error)) from error
    said = done.stderr.decode(errors="replace").split("\n")
    if done.returncode != 0:
        raise _not_built(name, next((line for line in reversed(said) if line.strip()), f"code {done.returncode}"))
    try:
        found = json.loads(done.stdout.decode().strip().rpartition("\n")[2])
        return {"model": dict(found["model"]), "file": str(found["file"]), "md5": str(found["md5"])}
    except (ValueError, KeyError, TypeError) as error:
        raise _not_built(name, f"its answer cannot be read, {error!s}") from error


def _not_built(name: str, reason: str) -> SourceError:
    return SourceError(
        f"Keras {package_version('keras')} could not build '{name}' ({reason.strip():.200}); install the release of "
        "keras that the extra names: pip install 'headstart[keras]'."
    )
