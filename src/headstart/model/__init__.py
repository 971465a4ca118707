"""The model that a fit hands over: source + head + task + card; predict, update, forget, save, load."""

from headstart.model.packing import pack_model, unpack_model
from headstart.model.transfer_model import Prediction, TransferModel

__all__ = ["Prediction", "TransferModel", "pack_model", "unpack_model"]
