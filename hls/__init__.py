# SPDX-License-Identifier: Apache-2.0
"""Lowering, the integer program, its reference, HLS C++ csim and RTL."""
