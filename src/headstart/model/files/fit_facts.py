"""What a run folder tells of its own fit, for the list of versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError
from headstart.io import read_json

__all__ = ["fit_facts", "fitted_when"]


def fit_facts(folder: Path) -> dict[str, Any]:
    """When a fit was made, on how many items, and its metrics.

    Args:
        folder: the run folder.

    Returns:
        ``what``, ``when``, ``when_from`` and, as far as the run knows them, ``added``, ``metrics`` and ``judged_by``.

    Raises:
        ModelFolderError: if it is damaged.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3
        >>> run = headstart.fit((rows, labels * 3), baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> fit_facts(run)["added"], fit_facts(run)["when_from"]
        (18, 'record')
    """
    when, taken_from = fitted_when(folder)
    about: dict[str, Any] = {"what": "fit", "when": when, "when_from": taken_from}
    record = _facts(folder / "metrics.json")
    data, judged = record.get("data"), record.get("evaluation")
    about |= {"added": data.get("used")} if isinstance(data, dict) else {}
    about |= {"metrics": judged.get("metrics"), "judged_by": judged.get("how")} if isinstance(judged, dict) else {}
    return about


def fitted_when(folder: Path) -> tuple[str, str]:
    """When a fit was made, as ISO 8601 in UTC, and where that is from.

    Args:
        folder: the run folder.

    Returns:
        The time, and ``"record"`` where the manifest holds it, else ``"file date"``: a copied file may have another
        date.

    Raises:
        ModelFolderError: if there is no model.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "config.json").write_text("{}")
        >>> fitted_when(folder)[1]
        'file date'
    """
    recorded = _facts(folder / "manifest.json").get("when")
    try:
        return datetime.fromisoformat(str(recorded)).astimezone(UTC).isoformat(timespec="seconds"), "record"
    except (ValueError, OverflowError):
        pass
    try:
        date = (folder / "config.json").stat().st_mtime
    except OSError as error:
        raise ModelFolderError(f"'{folder}/config.json' cannot be read ({error.strerror}); copy it again.") from error
    return datetime.fromtimestamp(date, UTC).isoformat(timespec="seconds"), "file date"


def _facts(path: Path) -> dict[str, Any]:
    """The facts in a file beside the model, which is opened without them; none where it is missing or damaged."""
    try:
        return read_json(path)
    except ModelFolderError:
        return {}
