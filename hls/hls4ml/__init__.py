# SPDX-License-Identifier: Apache-2.0
"""hls4ml exit: encoder layers as fused nodes of an hls4ml model, with our own HLS kernels."""
