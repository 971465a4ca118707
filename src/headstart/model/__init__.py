"""The fitted model: source, head, task and card; predict, update, forget, save and load.

What can be done with a fitted model goes in here; its files are written and checked in `headstart.model.files`.
"""

from headstart.model.annotator import AnnotationModel
from headstart.model.packing import pack_model, unpack_model
from headstart.model.transfer_model import Prediction, TransferModel
from headstart.model.updater import Updater

__all__ = ["AnnotationModel", "Prediction", "TransferModel", "Updater", "pack_model", "unpack_model"]
