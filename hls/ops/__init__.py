# SPDX-License-Identifier: Apache-2.0
"""QONNX CustomOps of the domain batflow.bat."""
