"""The Hugging Face cache: which files and repositories are on this machine, without torch or the network."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import SourceError

__all__ = ["cached_file", "cached_repositories", "fetch_repository"]

WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md")  # no pickles and no code are fetched


def cached_file(repository: str, name: str) -> Path | None:
    """The path of a repository's file in the cache; None if it is not cached.

    Examples:
        >>> cached_file("headstart/no-such-thing", "config.json") is None
        True
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repository, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def cached_repositories(prefix: str = "") -> list[str]:
    """Names of the model repositories in the cache whose name begins with ``prefix``.

    Examples:
        >>> cached_repositories("no-such-organisation/")
        []
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    folders = Path(HF_HUB_CACHE).glob("models--*--*")
    names = sorted(folder.name.removeprefix("models--").replace("--", "/") for folder in folders)
    return [name for name in names if name.startswith(prefix)]


def fetch_repository(repository: str) -> Path:
    """The folder of a repository's newest snapshot: fetched from the network or, offline, found in the cache.

    Raises:
        SourceError: if it is neither cached nor can be fetched.

    Examples:
        >>> fetch_repository("not a name")
        Traceback (most recent call last):
        headstart.errors.SourceError: 'not a name' is not the name of a Hugging Face repository; it must look ...
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(repository, allow_patterns=list(WANTED)))
    except HFValidationError:
        raise SourceError(
            f"'{repository}' is not the name of a Hugging Face repository; it must look like ORG/NAME."
        ) from None
    except (OSError, ValueError) as error:
        raise SourceError(
            f"'hf:{repository}' is neither on this machine nor could it be fetched ({type(error).__name__}); check the "
            "name, open it once while online, or copy the checkpoint folder here and use 'local:PATH'."
        ) from error
