"""The model that a fit hands over: source + head + task + card; predict, update, forget, save, load."""

from headstart.model.transfer_model import Prediction, TransferModel

__all__ = ["Prediction", "TransferModel"]
