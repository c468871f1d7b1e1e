# SPDX-License-Identifier: Apache-2.0
"""FINN exit: the encoder as a FINN dataflow graph, with our own units as custom operators."""
