# SPDX-License-Identifier: Apache-2.0
"""The devices behind an Accelerator."""
