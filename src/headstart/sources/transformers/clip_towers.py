"""The image tower and the text tower of a CLIP-like model of transformers, as separate modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.text.forms import canonical_text
from headstart.linear.checks import unit_rows

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["TEMPLATES", "TextTower", "image_tower"]

# The towers were trained on captions, not on bare class names. The mean over several captions is more accurate than any
# single one (Radford et al. 2021, section 3.1.4).
TEMPLATES = ("a photo of a {}.", "a photo of the {}.", "a picture of {}.", "{}")
TEXTS_AT_ONCE = 256
INPUTS = ("input_ids", "attention_mask")


def image_tower(model: Any) -> nn.Module:
    """A module that returns the hidden states of the image tower, then the picture's embedding in the shared space.

    Args:
        model: a model of transformers with a ``vision_model`` and, unless its pooler projects, a ``visual_projection``.

    Examples:
        >>> import torch
        >>> from transformers import CLIPConfig, CLIPModel
        >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        >>> vision = {**small, "image_size": 4, "patch_size": 2}
        >>> model = CLIPModel(CLIPConfig(text_config=small, vision_config=vision, projection_dim=6))
        >>> output = image_tower(model)(pixel_values=torch.zeros(1, 3, 4, 4), output_hidden_states=True)
        >>> output.last_hidden_state.shape, output.hidden_states[0].shape
        (torch.Size([1, 6]), torch.Size([1, 5, 8]))
    """
    from torch import nn
    from transformers.modeling_outputs import BaseModelOutput

    class ImageTower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = model.config
            self.vision_model = model.vision_model
            self.visual_projection = getattr(model, "visual_projection", None) or nn.Identity()

        def forward(self, pixel_values: Tensor, **options: Any) -> Any:
            found = self.vision_model(pixel_values=pixel_values, **options)
            shared = self.visual_projection(found.pooler_output)
            # Callers read last_hidden_state in place of the last hidden state, so one more entry is appended.
            return BaseModelOutput(last_hidden_state=shared, hidden_states=(*found.hidden_states, shared))

    return ImageTower().eval()


@dataclass(frozen=True)
class TextTower:
    """The text tower with its tokenizer.

    Attributes:
        model: a model of transformers with ``get_text_features`` and ``logit_scale``.
        tokenizer: its tokenizer.

    Examples:
        >>> from types import SimpleNamespace
        >>> import torch
        >>> TextTower(SimpleNamespace(logit_scale=torch.tensor(0.0)), None).scale
        1.0
    """

    model: Any
    tokenizer: Any

    @property
    def scale(self) -> float:
        """The factor on the cosine similarity of the two towers."""
        return float(self.model.logit_scale.detach().exp())

    def embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts in the shared space, (n, width) float32 of unit norm."""
        import torch

        with torch.inference_mode():
            parts = [self._some(texts[k : k + TEXTS_AT_ONCE]) for k in range(0, len(texts), TEXTS_AT_ONCE)]
        return unit_rows(np.concatenate(parts))

    def label_embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """For each text the mean embedding of its captions by all templates, (C, width) float32 of unit norm."""
        captions = [template.replace("{}", text) for text in texts for template in TEMPLATES]
        return unit_rows(self.embeddings(captions).reshape(len(texts), len(TEMPLATES), -1).mean(axis=1))

    def _some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        config = self.model.config
        filled = config.model_type == "siglip"  # trained on texts padded to one length, without a mask
        tokens = self.tokenizer(
            [canonical_text(text) for text in texts],
            padding="max_length" if filled else True,
            truncation=True,
            max_length=config.text_config.max_position_embeddings,
            return_attention_mask=not filled,
            return_tensors="pt",
        )
        found = self.model.get_text_features(**{key: tokens[key] for key in INPUTS if key in tokens})
        # transformers 5 returns an object with the features as its pooler's output, earlier releases the features
        return np.asarray(getattr(found, "pooler_output", found).float().numpy())
