#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every static check: ruff, mypy, clang-format, Verilator's lint. $1 is the virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
bin=$PWD/$venv/bin
say() { printf '\033[1m%s\033[0m\n' "$*"; }

cpp_files() { git ls-files -co --exclude-standard -- '*.hpp' '*.cpp' '*.h' '*.c'; }

say "ruff"
"$bin/ruff" check .
"$bin/ruff" format --check --quiet .
say "mypy"
scripts/mypy_tree.sh
MYPYPATH=build/mypy "$bin/mypy" --strict -p batflow
say "clang-format"
files=$(cpp_files)
# shellcheck disable=SC2086  # one word a file
[ -z "$files" ] || "$bin/clang-format" --dry-run -Werror $files
say "verilator --lint-only"
"$bin/python" scripts/lint_rtl.py
