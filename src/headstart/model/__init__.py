"""The model that a fit gives: source + head + task + card; predict, update, forget, save, load.

What can be done with a fitted model goes in here; how its files are written and checked is `headstart.model.files`.
"""

from headstart.model.packing import pack_model, unpack_model
from headstart.model.transfer_model import Prediction, TransferModel

__all__ = ["Prediction", "TransferModel", "pack_model", "unpack_model"]
