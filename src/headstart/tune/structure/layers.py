"""Choose layers of a body, such as its normalisations, and merge parametrisations of layers into plain weights."""

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
    """Names of the parameters that the body's features depend on, stem first; those of a classifier are left out.

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
    """Names of the gains and biases of all normalisations.

    A normalisation is recognised by "norm" in its class name, since libraries have their own, such as ``T5LayerNorm``.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> normalisation_names(toy_setting(LP_FT).network)[:2]
        ['body.blocks.0.1.weight', 'body.blocks.0.1.bias']
    """
    norms = {name for name, part in network.named_modules() if "norm" in type(part).__name__.lower()}
    return [name for name in used_names(network) if owner_of(name) in norms and network.get_parameter(name).ndim == 1]


def channel_layers(network: Network, least: int = 1) -> Iterator[tuple[str, nn.Module]]:
    """The ungrouped convolutions and linear layers that the features depend on.

    Args:
        network: body and head.
        least: smallest number of input and of output channels, 1.

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
    """One parameter group, which must not be empty.

    Args:
        names: names of the network's parameters.
        rate: multiplies the learning rate.
        name: name of the strategy, for the message.
        wanted: what the parameters are, in the plural, for the message.

    Raises:
        SourceError: if there are no names.

    Examples:
        >>> nonempty_group([], 1.0, "bitfit", "biases")
        Traceback (most recent call last):
        headstart.errors.SourceError: The strategy 'bitfit' trains biases, but the body has none; use 'lora' or 'lp_ft'.
    """
    found = tuple(names)
    if not found:
        raise SourceError(f"The strategy '{name}' trains {wanted}, but the body has none; use 'lora' or 'lp_ft'.")
    return ParameterGroup(found, rate)


def merge_layer(layer: nn.Module, order: Sequence[str]) -> None:
    """Replace a layer's parametrised tensors by plain parameters with their current values.

    Args:
        layer: a layer with parametrisations of `torch.nn.utils.parametrize`.
        order: names of its parameters in their original order, on which the digest of the weights depends.

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
        # Registering a parameter again puts it last, so this restores the order.
        value = layer.get_parameter(name)
        delattr(layer, name)
        layer.register_parameter(name, value)
