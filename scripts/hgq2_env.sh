#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment $1 for the HGQ2 and da4ml rows of docs/comparison.md. Safe to run again.
# It stands beside the main one because these need Keras, and batflow does not. batflow is not installed in it.
#
# PYTHON=python3.11   interpreter to use (3.11 or newer)
# TORCH_INDEX=URL     package index for torch alone, to choose a CPU build
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:?usage: hgq2_env.sh VENV}
python=${PYTHON:-python3.11}
"$python" -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null || {
  printf 'error: %s is no Python 3.11 or newer with venv; set PYTHON=/path/to/python3.11\n' "$python" >&2
  exit 2
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)

# Keras runs on torch. hls4ml 1.3 knows the attention layer of hgq2 0.1.4, not of later ones.
"${pip[@]}" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
"${pip[@]}" hgq2==0.1.4 keras==3.11.3 hls4ml==1.3.0 'da4ml>=0.5.2,<0.6'
# da4ml's reader of Keras models needs a later hgq2, and that a later Keras: in a folder that comes first for it alone.
"${pip[@]}" --no-deps --target "$venv/da4ml" --upgrade da4ml==0.6.0 hgq2==0.2.0 keras==3.15.0
