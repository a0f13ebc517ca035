"""The net of LaMa; its parameters have the names of the published state dict.

Features come in two parts, a local one (convolutions) and a global one (convolutions of the whole
picture's spectrum). Batch normalization is that of inference.

Source: R. Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV
    2022; L. Chi et al., "Fast Fourier Convolution", NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

GLOBAL_SHARE: Final = 0.75
"""Share of the channels of the middle blocks that is global."""

MOST_CHANNELS: Final = 1024

OUTER_KERNEL: Final = 7
"""Pixels a side of the first and the last convolution."""

Parts = tuple[Tensor, Tensor | None]
"""Local and global features, each (N, C, H, W)."""


@dataclass(frozen=True)
class LamaShape:
    """The sizes of a net.

    Attributes:
        width: channels of its first features.
        halvings: how often their resolution is halved.
        blocks: residual blocks in its middle.
    """

    width: int = 64
    halvings: int = 3
    blocks: int = 18

    def channels(self, halvings: int) -> int:
        """Return the channels after so many halvings."""
        return min(self.width << halvings, MOST_CHANNELS)


class FourierUnit(nn.Module):
    """A convolution of the spectrum, in float32 whatever the net's precision.

    Args:
        channels: of features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        whole = features.float()
        count, channels, height, width = whole.shape
        spectrum = torch.view_as_real(torch.fft.rfftn(whole, dim=(-2, -1), norm="ortho"))
        planes = spectrum.permute(0, 1, 4, 2, 3).reshape(count, 2 * channels, height, -1)
        planes = torch.relu_(self.bn(self.conv_layer(planes)))
        pairs = planes.reshape(count, channels, 2, height, -1).permute(0, 1, 3, 4, 2)
        found = torch.view_as_complex(pairs.contiguous())
        back: Tensor = torch.fft.irfftn(found, s=(height, width), dim=(-2, -1), norm="ortho")
        return back.to(features.dtype)


class SpectralTransform(nn.Module):
    """The way from global features to global features.

    Args:
        channels: of features, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True)
        )
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        reduced = self.conv1(features)
        found: Tensor = self.conv2(reduced + self.fu(reduced))
        return found


class FastFourierConvolution(nn.Module):
    """A convolution of local and global features.

    Args:
        before: local and global channels that it takes.
        after: those that it returns.
        kernel: pixels a side.
        stride: of the convolution.
    """

    def __init__(
        self, before: tuple[int, int], after: tuple[int, int], kernel: int, stride: int
    ) -> None:
        super().__init__()
        self.convl2l = _make_conv(before[0], after[0], kernel, stride)
        self.convl2g = _make_conv(before[0], after[1], kernel, stride)
        self.convg2l = _make_conv(before[1], after[0], kernel, stride)
        self.convg2g = SpectralTransform(before[1]) if before[1] and after[1] else None

    def forward(self, parts: Parts) -> Parts:
        """Return local and global features."""
        fine, coarse = parts
        local = _add(_apply(self.convl2l, fine), _apply(self.convg2l, coarse))
        wide = _add(_apply(self.convl2g, fine), _apply(self.convg2g, coarse))
        if local is None:
            raise AssertionError("every convolution of the net has local channels")
        return local, wide


def _make_conv(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d | None:
    """Return a convolution; `None` if there is nothing on one side of it."""
    if not before or not after:
        return None
    # The outer ones are padded by layers of their own.
    padding = 0 if kernel == OUTER_KERNEL else 1
    return nn.Conv2d(before, after, kernel, stride, padding, bias=False, padding_mode="reflect")


def _apply(layer: nn.Module | None, features: Tensor | None) -> Tensor | None:
    return None if layer is None or features is None else layer(features)


def _add(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return first if second is None or first is None else first.add_(second)


class ConvolutionBlock(nn.Module):
    """A convolution with normalization and activation.

    Args:
        before: local and global channels that it takes.
        after: those that it returns.
        kernel: pixels a side.
        stride: of the convolution.
    """

    def __init__(
        self, before: tuple[int, int], after: tuple[int, int], kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.ffc = FastFourierConvolution(before, after, kernel, stride)
        self.bn_l = nn.BatchNorm2d(after[0])
        self.bn_g = nn.BatchNorm2d(after[1]) if after[1] else None

    def forward(self, parts: Parts | Tensor) -> Parts:
        """Return local and global features."""
        local, wide = self.ffc(parts if isinstance(parts, tuple) else (parts, None))
        local = torch.relu_(self.bn_l(local))
        return local, None if self.bn_g is None or wide is None else torch.relu_(self.bn_g(wide))


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to what they take.

    Args:
        channels: local and global ones.
    """

    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = ConvolutionBlock(channels, channels)
        self.conv2 = ConvolutionBlock(channels, channels)

    def forward(self, parts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return local and global features."""
        local, wide = self.conv2(self.conv1(parts))
        return local.add_(parts[0]), wide.add_(parts[1])


class Join(nn.Module):
    """Joins local and global features."""

    def forward(self, parts: tuple[Tensor, Tensor]) -> Tensor:
        """Return all features."""
        return torch.cat(parts, dim=1)


class LamaNet(nn.Module):
    """The generator.

    Args:
        shape: its sizes.
    """

    def __init__(self, shape: LamaShape) -> None:
        super().__init__()
        self.model = nn.Sequential(*_begin(shape), *_continue(shape), Join(), *_end(shape))

    def forward(self, pictures: Tensor, check: Callable[[], None] = lambda: None) -> Tensor:
        """Return pictures, (N, 3, H, W) in 0 .. 1.

        Args:
            pictures: (N, 4, H, W): RGB in 0 .. 1 and 0 in the hole, and the mask, 1 in the hole.
                Both sides are multiples of 8.
            check: called between the layers; may raise to stop it.
        """
        features = pictures
        for layer in self.model:
            check()
            features = layer(features)
        return features


def _begin(shape: LamaShape) -> list[nn.Module]:
    """Return the layers that reduce the resolution."""
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        ConvolutionBlock((4, 0), (shape.width, 0), OUTER_KERNEL),
    ]
    for done in range(shape.halvings):
        after = shape.channels(done + 1)
        is_last = done == shape.halvings - 1
        parts = split(after) if is_last else (after, 0)
        layers.append(ConvolutionBlock((shape.channels(done), 0), parts, stride=2))
    return layers


def _continue(shape: LamaShape) -> list[nn.Module]:
    channels = split(shape.channels(shape.halvings))
    return [ResidualBlock(channels) for _ in range(shape.blocks)]


def _end(shape: LamaShape) -> list[nn.Module]:
    """Return the layers that restore the resolution."""
    layers: list[nn.Module] = []
    for left in range(shape.halvings, 0, -1):
        before, after = shape.channels(left), shape.channels(left - 1)
        layers += [
            nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    return [
        *layers,
        nn.ReflectionPad2d(3),
        nn.Conv2d(shape.width, 3, OUTER_KERNEL),
        nn.Sigmoid(),
    ]


def split(channels: int) -> tuple[int, int]:
    """Return how many channels are local and global."""
    wide = int(channels * GLOBAL_SHARE)
    return channels - wide, wide
