# SPDX-License-Identifier: Apache-2.0
"""The register map and its generated forms."""
