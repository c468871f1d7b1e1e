# SPDX-License-Identifier: Apache-2.0
"""Statistics of real sentences: start values of alpha and beta, and fixed-point steps."""

from __future__ import annotations

from collections.abc import Collection

import torch

from .batches import Split
from .brevitas_bridge import elastic_of
from .classifier import BmtClassifier
from .config import SITES
from .dyadic import fraction_bits
from .training import predict

CALIBRATION_SENTENCES = 256
HEADROOM = 1.5
STAGE_HEADROOM = 2.0
"""Times the largest value before a stage that trains on rounded values: what it may grow to."""


def _set_calibrating(model: BmtClassifier, sites: Collection[str]) -> None:
    for layer in model.encoder.quant_layers():
        for name, site in layer.site.items():
            elastic_of(site).calibrating = name in sites


@torch.no_grad()
def calibrate_quantizers(model: BmtClassifier, split: Split, sites: Collection[str] = SITES) -> None:
    """Fit alpha and beta of ``sites`` in order, each to what the sites before it let through.

    Sentences of one length (the commonest of the split) are used, so that no padding enters.
    """
    lengths = split.mask.sum(1)
    common = torch.bincount(lengths).argmax()
    rows = torch.nonzero(lengths == common)[:CALIBRATION_SENTENCES, 0]
    batch = split.take(rows)
    _set_calibrating(model, sites)
    try:
        model(batch.ids, batch.types, batch.mask)
    finally:
        _set_calibrating(model, ())


@torch.no_grad()
def calibrate_residual(
    model: BmtClassifier, split: Split, sentences: int = 1024, headroom: float = HEADROOM
) -> list[int]:
    """Choose the fraction bits of the residual stream and store them in ``model.frac_bits``.

    Each entry covers a normalized tensor and the sum that is later added to it: ``embed`` with
    layer 0's attention sum, and so on, with ``headroom`` times the largest seen.

    Raises:
        InputError: a value does not fit 16 bits at all, or the activations are a baseline's.
    """
    model.config.require_deployable()
    layers = model.encoder.quant_layers()
    small = Split(*(t[:sentences] for t in (split.ids, split.types, split.mask, split.targets)))
    for layer in layers:
        layer.peak, layer.observing = {}, True
    predict(model, small)
    peaks = [max(layers[0].peak["h"], layers[0].peak["attn_sum"])]
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        layer.observing = False
        peaks.append(max(layer.peak["attn_out"], layer.peak["ffn_sum"]))
        later = 0.0 if following is None else following.peak["attn_sum"]
        peaks.append(max(layer.peak["ffn_out"], later))
    model.frac_bits = [fraction_bits(peak, headroom) for peak in peaks]
    return model.frac_bits
