"""Headstart: transfer learning for small data.

>>> import headstart
>>> texts = ["good film", "lovely", "great fun", "bad film", "awful", "dull"] * 4
>>> run = headstart.fit((texts, ["pos", "pos", "pos", "neg", "neg", "neg"] * 4))   # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from headstart.registry import OPERATIONS

if TYPE_CHECKING:
    from headstart.engine.options import Engine
    from headstart.estimators import TransferClassifier, TransferEncoder, TransferRegressor
    from headstart.evaluate.learning_curve import learning_curve
    from headstart.model import AnnotationModel, TransferModel
    from headstart.model.loading import load
    from headstart.model.versions import rollback, versions_of
    from headstart.sources import describe, list_sources, module, open_source
    from headstart.transfer import Ranking, rank
    from headstart.transfer.adapting.result import Adaptation
    from headstart.transfer.annotating.evaluate import AnnotationEvaluation
    from headstart.transfer.annotating.run import AnnotationRun
    from headstart.transfer.audit_labels import audit_labels
    from headstart.transfer.compare_models import ModelComparison, compare
    from headstart.transfer.continual import ContinualRun, continual
    from headstart.transfer.drift import drift
    from headstart.transfer.drifting.result import Drift
    from headstart.transfer.evaluate import ModelEvaluation
    from headstart.transfer.fit import fit
    from headstart.transfer.fit_tasks import fit_tasks
    from headstart.transfer.forget import forget
    from headstart.transfer.pretrain import PretrainedSource, pretrain
    from headstart.transfer.run import Run
    from headstart.transfer.suggest import suggest
    from headstart.transfer.update import update
    from headstart.transfer.zero_shot import zero_shot

__version__ = "0.1.0"

__all__ = [
    "Adaptation",
    "AnnotationEvaluation",
    "AnnotationModel",
    "AnnotationRun",
    "ContinualRun",
    "Drift",
    "Engine",
    "ModelComparison",
    "ModelEvaluation",
    "PretrainedSource",
    "Ranking",
    "Run",
    "TransferClassifier",
    "TransferEncoder",
    "TransferModel",
    "TransferRegressor",
    "adapt",
    "audit_labels",
    "compare",
    "continual",
    "describe",
    "drift",
    "evaluate",
    "fit",
    "fit_tasks",
    "forget",
    "learning_curve",
    "list_sources",
    "load",
    "module",
    "open_source",
    "pretrain",
    "rank",
    "rollback",
    "search",
    "suggest",
    "update",
    "versions_of",
    "zero_shot",
]

_WHERE = {
    "Adaptation": "headstart.transfer.adapting.result",
    "AnnotationEvaluation": "headstart.transfer.annotating.evaluate",
    "AnnotationModel": "headstart.model",
    "AnnotationRun": "headstart.transfer.annotating.run",
    "ContinualRun": "headstart.transfer.continual",
    "Drift": "headstart.transfer.drifting.result",
    "Engine": "headstart.engine.options",
    "ModelComparison": "headstart.transfer.compare_models",
    "ModelEvaluation": "headstart.transfer.evaluate",
    "PretrainedSource": "headstart.transfer.pretrain",
    "Ranking": "headstart.transfer.ranking.result",
    "Run": "headstart.transfer",
    "TransferClassifier": "headstart.estimators",
    "TransferEncoder": "headstart.estimators",
    "TransferModel": "headstart.model",
    "TransferRegressor": "headstart.estimators",
    "audit_labels": "headstart.transfer.audit_labels",
    "compare": "headstart.transfer.compare_models",
    "continual": "headstart.transfer.continual",
    "describe": "headstart.sources",
    "drift": "headstart.transfer.drift",
    "fit": "headstart.transfer",
    "fit_tasks": "headstart.transfer.fit_tasks",
    "forget": "headstart.transfer.forget",
    "learning_curve": "headstart.evaluate.learning_curve",
    "list_sources": "headstart.sources",
    "load": "headstart.model.loading",
    "module": "headstart.sources",
    "open_source": "headstart.sources",
    "pretrain": "headstart.transfer.pretrain",
    "rank": "headstart.transfer.ranking.rank",
    "rollback": "headstart.model.versions",
    "suggest": "headstart.transfer.suggest",
    "update": "headstart.transfer.update",
    "versions_of": "headstart.model.versions",
    "zero_shot": "headstart.transfer.zero_shot",
}

OPERATIONS.register("explain", "headstart.explain.explain:explain")
OPERATIONS.register("explain annotations", "headstart.explain.annotated:explain_annotations")
OPERATIONS.register("export", "headstart.export.export:export")
OPERATIONS.register("plot", "headstart.report.plots:Plots")
OPERATIONS.register("suggest", "headstart.transfer.suggest:suggest")
OPERATIONS.register("update", "headstart.transfer.update:update")


class _Adapt(ModuleType):
    """The package `headstart.adapt`, which can also be called as the function of that name."""

    def __call__(self, model: Any, data: Any, **options: Any) -> Adaptation:
        """Adapt a model to unlabelled items; see `headstart.transfer.adapt.adapt`."""
        from headstart.transfer.adapt import adapt as adapt_to

        return adapt_to(model, data, **options)


class _Evaluate(ModuleType):
    """The module `headstart.evaluate`, which can also be called as the function of that name."""

    def __call__(self, model: Any, data: Any, **options: Any) -> ModelEvaluation | AnnotationEvaluation:
        """Evaluate a model on labelled data; see `headstart.transfer.evaluate.evaluate`."""
        from headstart.transfer.evaluate import evaluate as judge

        return judge(model, data, **options)


class _Search(ModuleType):
    """The package `headstart.search`, which can also be called as the function of that name."""

    def __call__(self, data: Any, **options: Any) -> Run:
        """Search heads and cells for labelled items; see `headstart.transfer.search.search`."""
        from headstart.transfer.search import search as go_through

        return go_through(data, **options)


adapt: _Adapt = cast("_Adapt", import_module("headstart.adapt"))
adapt.__class__ = _Adapt
evaluate: _Evaluate = cast("_Evaluate", import_module("headstart.evaluate"))
evaluate.__class__ = _Evaluate
search: _Search = cast("_Search", import_module("headstart.search"))
search.__class__ = _Search


def __getattr__(name: str) -> Any:
    # public names are imported on first use, so that `import headstart` stays fast
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'headstart' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
