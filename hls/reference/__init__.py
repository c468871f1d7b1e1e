# SPDX-License-Identifier: Apache-2.0
"""The numpy reference of docs/numerics.md, one file a unit."""
