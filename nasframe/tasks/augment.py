"""Augmentation of whole batches of images on their device, without loader processes.

Shapes: N images of a set, B of a batch, H x W pixels of an image, U x V pixels of its canvas, C
channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Draws:
    """Random values of one epoch: one per training image, in the shuffled order."""

    order_N: Tensor
    top_N: Tensor
    left_N: Tensor
    mirrored_N: Tensor
    row_N: Tensor
    column_N: Tensor

    def batches(self, count: int) -> list[Draws]:
        """Split into ``count`` parts whose sizes differ by at most 1."""
        columns = (getattr(self, name).tensor_split(count) for name in self.__slots__)
        return [Draws(*parts) for parts in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Augmentation of training images: padding, crops, mirroring and cutout.

    An image is enlarged and padded once, when the data are read; the result is its canvas, from
    which batches are cropped. The padding has the mean colour of the set: zero once normalised.
    Validation images are only enlarged, and cropped at their centre.

    Args:
        pad: pixels of padding on each side, before a random crop to the original size.
        upsample: side in pixels after enlarging, before the crop; ``None`` for no change.
        flip: mirror a random half of the images left to right.
        cutout: side in pixels of a square at a random place that is set to zero; 0 for none.
            DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with
            Cutout" (2017): the centre lies anywhere in the image, so the square may stick out.
    """

    pad: int = 0
    upsample: int | None = None
    flip: bool = False
    cutout: int = 0

    def canvas(self, x_NHWC: Tensor, mean_C: Tensor) -> Tensor:
        """Enlarge and pad images; returns (N, U, V, C) of the same type."""
        x_NHWC = self._enlarge(x_NHWC)
        if not self.pad:
            return x_NHWC
        n, h, w, c = x_NHWC.shape
        fill = mean_C if x_NHWC.is_floating_point() else mean_C.round()
        shape = (n, h + 2 * self.pad, w + 2 * self.pad, c)
        canvas_NUVC = fill.to(x_NHWC.dtype).expand(shape).clone()
        canvas_NUVC[:, self.pad : -self.pad, self.pad : -self.pad] = x_NHWC
        return canvas_NUVC

    def centre(self, x_NHWC: Tensor) -> Tensor:
        """Prepare validation images: enlarge them like training images, and crop the centre."""
        _, h, w, _ = x_NHWC.shape
        y_NUVC = self._enlarge(x_NHWC)
        top, left = (y_NUVC.shape[1] - h) // 2, (y_NUVC.shape[2] - w) // 2
        return y_NUVC[:, top : top + h, left : left + w].contiguous()

    def draw(
        self, canvas_NUVC: Tensor, height: int, width: int, generator: torch.Generator
    ) -> Draws:
        """Draw an epoch's order, crops, mirrorings and cutout centres, on the canvas's device."""
        n, u, v, _ = canvas_NUVC.shape
        device = generator.device
        order = torch.randperm(n, generator=generator, device=device)
        highs = (u - height + 1, v - width + 1, 1 + self.flip, height, width)
        rest = [torch.randint(high, (n,), generator=generator, device=device) for high in highs]
        return Draws(*torch.stack([order, *rest]).to(canvas_NUVC.device))

    def cut(self, canvas_NUVC: Tensor, draws: Draws, height: int, width: int) -> Tensor:
        """Crop ``height`` x ``width`` pixels, and mirror some; returns (B, H, W, C).

        This is one gather of pixels: cropping, then mirroring takes twice as long.
        """
        _, u, v, c = canvas_NUVC.shape
        device = canvas_NUVC.device
        column_W = torch.arange(width, device=device)
        mirrored_B1 = draws.mirrored_N.bool()[:, None]
        column_BW = draws.left_N[:, None] + torch.where(mirrored_B1, column_W.flip(0), column_W)
        row_BH = (draws.order_N * u + draws.top_N)[:, None] + torch.arange(height, device=device)
        pixel_BHW = (row_BH * v)[:, :, None] + column_BW[:, None, :]
        pixels = canvas_NUVC.view(-1, c).index_select(0, pixel_BHW.view(-1))
        return pixels.view(*pixel_BHW.shape, c)

    def erase(self, x_BHWC: Tensor, draws: Draws) -> Tensor:
        """Set the square of cutout to zero in normalised images (B, H, W, C)."""
        if not self.cutout:
            return x_BHWC
        _, h, w, _ = x_BHWC.shape
        inside_BH = _mask_span(draws.row_N, h, self.cutout)
        inside_BW = _mask_span(draws.column_N, w, self.cutout)
        inside_BHW1 = (inside_BH[:, :, None] & inside_BW[:, None, :])[..., None]
        return x_BHWC.masked_fill(inside_BHW1, 0)

    def _enlarge(self, x_NHWC: Tensor) -> Tensor:
        if self.upsample is None:
            return x_NHWC
        return torch.cat([_resize(x, self.upsample) for x in torch.split(x_NHWC, 100)])


def _mask_span(centre_B: Tensor, length: int, side: int) -> Tensor:
    offset = torch.arange(length, device=centre_B.device) - (centre_B - side // 2)[:, None]
    return (offset >= 0) & (offset < side)


def _resize(x_NHWC: Tensor, side: int) -> Tensor:
    x_NCHW = x_NHWC.permute(0, 3, 1, 2).float()
    y_NCHW = F.interpolate(x_NCHW, size=(side, side), mode="bilinear", align_corners=False)
    y_NHWC = y_NCHW.permute(0, 2, 3, 1)
    return (y_NHWC if x_NHWC.is_floating_point() else y_NHWC.round()).to(x_NHWC.dtype).contiguous()
