# SPDX-License-Identifier: Apache-2.0
"""QONNX CustomOps of the domain ``batflow.bat``; importing this package registers them."""

from __future__ import annotations

from qonnx.custom_op.registry import add_domain_alias

from .base import DOMAIN
from .units import LayerNorm, Pool, Requant, Residual, RowScale, Softmax

__all__ = ["LayerNorm", "Pool", "Requant", "Residual", "RowScale", "Softmax"]

add_domain_alias(DOMAIN, __name__)
