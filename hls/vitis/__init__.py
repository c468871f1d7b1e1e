# SPDX-License-Identifier: Apache-2.0
"""Vitis HLS exit: self-contained projects, their reports, and a check of what the tool can synthesize."""
