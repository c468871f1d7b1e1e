# SPDX-License-Identifier: Apache-2.0
"""Bundles: boards, hardware handoff files, what the host opens."""
