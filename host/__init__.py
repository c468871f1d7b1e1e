# SPDX-License-Identifier: Apache-2.0
"""The run-time on a board or on an emulated one: numpy, and pynq where there is one."""
