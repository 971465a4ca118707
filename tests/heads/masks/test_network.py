"""The decoder network: sizes, a frozen body, gradients."""

from __future__ import annotations

import torch
from torch import nn

from headstart.heads.masks.network import DecoderShape, MapDecoder, MaskNetwork


def test_each_size_that_the_maps_divide_gives_logits_of_its_pixels() -> None:
    decoder = MapDecoder(DecoderShape((4, 6, 8), (2, 4, 16), 5))
    for tall, wide in ((32, 48), (64, 32)):
        maps = [torch.zeros(2, c, tall // s, wide // s) for c, s in ((4, 2), (6, 4), (8, 16))]
        assert decoder(maps, torch.zeros(2, tall, wide, 3, dtype=torch.uint8)).shape == (2, 5, tall, wide)


def test_a_frozen_body_gets_no_gradient_and_keeps_its_statistics() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.BatchNorm2d(4))
    pictures = torch.randint(0, 255, (2, 16, 16, 3), dtype=torch.uint8)

    def read(module: nn.Module, batch: torch.Tensor) -> list[torch.Tensor]:
        return [module(batch.permute(0, 3, 1, 2).float())]

    before = body[1].running_mean.clone()
    network = MaskNetwork(body, read, MapDecoder(DecoderShape((4,), (2,), 2))).train()
    network(pictures).sum().backward()
    assert all(parameter.grad is None for parameter in body.parameters())
    assert all(parameter.grad is not None for parameter in network.decoder.parameters())
    assert torch.equal(body[1].running_mean, before)
    moving = MaskNetwork(body, read, MapDecoder(DecoderShape((4,), (2,), 2)), frozen=False).train()
    moving(pictures).sum().backward()
    assert all(parameter.grad is not None for parameter in body.parameters())
    assert not torch.equal(body[1].running_mean, before)
