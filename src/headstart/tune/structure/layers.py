"""Parts of a body that strategies choose, such as its normalisations, and merging what was put on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import nn
from torch.nn.utils import parametrize

from headstart.errors import SourceError
from headstart.tune.network.body_and_head import Network
from headstart.tune.training.job import ParameterGroup

__all__ = ["channel_layers", "merge_layer", "nonempty_group", "normalisation_names", "owner_of", "used_names"]

CHANNEL_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def used_names(network: Network) -> tuple[str, ...]:
    """Names of the body's parameters that its features depend on, stem first; a classifier's are not among them.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> names = used_names(toy_setting(LP_FT).network)
        >>> len(names), names[0], "body.classifier.weight" in names
        (12, 'body.blocks.0.0.weight', False)
    """
    return tuple(name for group in network.groups for name in group)


def owner_of(name: str) -> str:
    """The name of the module that a parameter belongs to.

    Examples:
        >>> owner_of("body.layer1.0.conv1.weight")
        'body.layer1.0.conv1'
    """
    return name.rpartition(".")[0]


def normalisation_names(network: Network) -> list[str]:
    """Names of the gains and biases of all normalisations: the flat parameters of modules that are called a norm.

    By their class's name, since libraries have normalisations of their own, such as ``T5LayerNorm``.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> normalisation_names(toy_setting(LP_FT).network)[:2]
        ['body.blocks.0.1.weight', 'body.blocks.0.1.bias']
    """
    norms = {name for name, part in network.named_modules() if "norm" in type(part).__name__.lower()}
    return [name for name in used_names(network) if owner_of(name) in norms and network.get_parameter(name).ndim == 1]


def channel_layers(network: Network, least: int = 1) -> Iterator[tuple[str, nn.Module]]:
    """The ungrouped convolutions and linear layers that features depend on, with at least that many channels.

    Args:
        network: body and head.
        least: channels that go in and that come out.

    Yields:
        The layer's name in the body, and the layer.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> network = toy_setting(LP_FT).network
        >>> [name for name, _ in channel_layers(network)], [name for name, _ in channel_layers(network, least=16)]
        (['blocks.0.0', 'blocks.1.0', 'blocks.2.0'], ['blocks.1.0', 'blocks.2.0'])
    """
    used = set(used_names(network))
    for name, part in network.body.named_modules():
        if not isinstance(part, CHANNEL_LAYERS) or f"body.{name}.weight" not in used:
            continue
        if (isinstance(part, nn.Linear) or part.groups == 1) and min(part.weight.shape[:2]) >= least:
            yield name, part


def nonempty_group(names: Iterable[str], rate: float, name: str, wanted: str) -> ParameterGroup:
    """One group of the names.

    Args:
        names: of parameters of the network.
        rate: multiplies the learning rate.
        name: of the strategy, for the sentence.
        wanted: what was looked for, in the plural.

    Raises:
        SourceError: if there are none.

    Examples:
        >>> nonempty_group([], 1.0, "bitfit", "biases")
        Traceback (most recent call last):
        headstart.errors.SourceError: The strategy 'bitfit' moves biases, but the body has none; use 'lora' or 'lp_ft'.
    """
    found = tuple(names)
    if not found:
        raise SourceError(f"The strategy '{name}' moves {wanted}, but the body has none; use 'lora' or 'lp_ft'.")
    return ParameterGroup(found, rate)


def merge_layer(layer: nn.Module, order: Sequence[str]) -> None:
    """Replace a layer's parametrised tensors by their values, as plain parameters.

    Args:
        layer: has parametrisations of `torch.nn.utils.parametrize`.
        order: names of the parameters as they stood before, so that the weights' digest is that of a plain layer.

    Examples:
        >>> layer = parametrize.register_parametrization(nn.Linear(1, 1), "weight", nn.ReLU())
        >>> merge_layer(layer, ["weight", "bias"])
        >>> type(layer).__name__, [name for name, _ in layer.named_parameters()]
        ('Linear', ['weight', 'bias'])
    """
    for name in order:
        if parametrize.is_parametrized(layer, name):
            parametrize.remove_parametrizations(layer, name, leave_parametrized=True)
    for name in order:
        value = layer.get_parameter(name)
        delattr(layer, name)
        layer.register_parameter(name, value)
