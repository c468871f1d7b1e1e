# SPDX-License-Identifier: Apache-2.0
"""Training: BMT encoder, quantizers, QAT, export to QONNX."""
