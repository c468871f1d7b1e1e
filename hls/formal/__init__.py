# SPDX-License-Identifier: Apache-2.0
"""Formal proofs of the RTL: the runner, and the table of what is proved (docs/formal.md)."""
