# SPDX-License-Identifier: Apache-2.0
"""batflow: binarized Transformers from quantization-aware training to an FPGA accelerator."""

__version__ = "0.1.0"
