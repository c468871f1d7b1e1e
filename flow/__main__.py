# SPDX-License-Identifier: Apache-2.0
"""``python -m batflow.flow`` is the ``batflow`` command."""

from .cli import main

main()
