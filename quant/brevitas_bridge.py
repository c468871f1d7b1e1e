# SPDX-License-Identifier: Apache-2.0
"""Brevitas layers that carry batflow's quantizers by dependency injection.

Proxies skip the QuantTensor wrapper: its metadata is not used in training (scales are read from
the quantizers at deployment), and building it costs more than a small layer.
"""

from __future__ import annotations

from typing import Any, cast

import brevitas.nn as qnn
from brevitas.inject import ExtendedInjector
from brevitas.proxy import ActQuantProxyFromInjector, WeightQuantProxyFromInjector
from torch import Tensor, nn

from .baselines import MinMaxQuant, RuntimeMinQuant
from .config import FREE_BETA_SITES, UNSIGNED_SITES, ActivationKind, BmtConfig, Precision
from .precision import linear
from .quantizers import ElasticQuant, WeightQuant


class ElasticActivation(ExtendedInjector):  # type: ignore[misc]
    """Brevitas injector of :class:`ElasticQuant`."""

    proxy_class = ActQuantProxyFromInjector
    tensor_quant = ElasticQuant
    narrow_range = False


class RuntimeMinActivation(ElasticActivation):
    """Brevitas injector of BiT's run-time minimum, a baseline."""

    tensor_quant = RuntimeMinQuant


class MinMaxActivation(ElasticActivation):
    """Brevitas injector of dynamic min-max, a baseline."""

    tensor_quant = MinMaxQuant


INJECTORS: dict[ActivationKind, type[ExtendedInjector]] = {
    "elastic": ElasticActivation,
    "bit_runtime_min": RuntimeMinActivation,
    "minmax_dynamic": MinMaxActivation,
}


class CoefficientWeight(ExtendedInjector):  # type: ignore[misc]
    """Brevitas injector of :class:`WeightQuant`."""

    proxy_class = WeightQuantProxyFromInjector
    tensor_quant = WeightQuant
    signed = True
    narrow_range = True


class PreciseQuantLinear(qnn.QuantLinear):  # type: ignore[misc]
    """Brevitas' linear layer; its product follows ``precision``."""

    precision: Precision = "float32"

    def inner_forward_impl(self, x: Tensor, quant_weight: Tensor, quant_bias: Tensor | None) -> Tensor:
        """Return the product of the quantized weight [out, in] with x [..., in]."""
        return linear(x, quant_weight, quant_bias, self.precision)


def activation_site(config: BmtConfig, site: str) -> nn.Module:
    """Return the Brevitas identity layer that quantizes ``site`` of a layer."""
    layer = qnn.QuantIdentity(
        INJECTORS[config.activation],
        bits=config.bits[site],
        signed=site not in UNSIGNED_SITES,
        free_beta=site in FREE_BETA_SITES,
        return_quant_tensor=False,
    )
    layer.act_quant.skip_create_quant_tensor = True
    return cast(nn.Module, layer)


def quant_linear(config: BmtConfig, name: str) -> nn.Module:
    """Return the Brevitas linear layer ``name`` (one of ``LINEARS``) with quantized weights."""
    inputs, outputs = config.linear_shape(name)
    layer = PreciseQuantLinear(
        inputs,
        outputs,
        bias=True,
        weight_quant=CoefficientWeight,
        weight_kind=config.weight,
        weight_per_channel=config.weight_scale == "channel",
        weight_out_features=outputs,
        weight_in_features=inputs,
        return_quant_tensor=False,
    )
    layer.weight_quant.skip_create_quant_tensor = True
    return cast(nn.Module, layer)


def elastic_of(layer: Any) -> ElasticQuant:
    """Return the quantizer inside an activation site."""
    return cast(ElasticQuant, layer.act_quant.fused_activation_quant_proxy.tensor_quant)


def weight_quant_of(layer: Any) -> WeightQuant:
    """Return the weight quantizer inside a linear layer."""
    return cast(WeightQuant, layer.weight_quant.tensor_quant)


def weight_of(layer: Any) -> Tensor:
    """Return the latent weight [out, in] of a linear layer."""
    return cast(Tensor, layer.weight)
