#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds build/mypy/batflow: links that show the rooms as the installed package looks.
set -euo pipefail
cd "$(dirname "$0")/.."

tree=build/mypy/batflow
rm -rf "$tree"
mkdir -p "$tree"
for path in common/*.py common/py.typed; do
  ln -s "../../../$path" "$tree/$(basename "$path")"
done
for room in quant hls overlays host flow; do
  ln -s "../../../$room" "$tree/$room"
done
