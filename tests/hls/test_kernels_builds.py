# SPDX-License-Identifier: Apache-2.0
"""The kernel tests again in other builds: other parallelism, clang++, and both sanitizers.

Each build is a process of its own, since a sanitized library must be there before Python is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from batflow.hls.csim_build import CONFIG_MEMBERS, KERNELS, ap_types_folder, config_header

from .kernel_library import BUILD_VARIABLE, BUILDS, ODD, Build, compile_units

ROOT = Path(__file__).parents[2]
TESTS = [f"tests/hls/test_kernels_{name}.py" for name in ("units", "qmm", "modules")]
OTHERS = [name for name in BUILDS if name != "odd"]

# Members of Config, and values that no kernel allows.
REFUSED = {
    **dict.fromkeys(CONFIG_MEMBERS, (0, 1 << 20)),
    "kMaxBits": (0, 9),
    "kSimd": (4, 48, 1024),
    "kBusBits": (32, 96, 2048),
    "kMaxHidden": (2, 4100),
}


def runtime(name: str) -> str:
    """Path of a shared library of g++, empty when it is absent."""
    found = subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=False)
    return found.stdout.strip() if "/" in found.stdout else ""


def environment(name: str, build: Build) -> dict[str, str]:
    values = {**os.environ, BUILD_VARIABLE: name, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if build.sanitized:
        libraries = [runtime("libasan.so"), runtime("libubsan.so")]
        if not all(libraries):
            pytest.skip("libasan or libubsan is absent: the sanitized kernels need them")
        # Python itself never frees all it has.
        values |= {"LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": "detect_leaks=0"}
    return values


@pytest.mark.parametrize("name", OTHERS)
def test_kernels_equal_the_reference_in_another_build(name: str) -> None:
    build = BUILDS[name]
    values = environment(name, build)
    compile_units(build)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
    ran = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    count = re.search(r"^(\d+) passed", ran.stdout, re.MULTILINE)
    assert count is not None
    assert int(count.group(1)) > 100
    assert "skipped" not in ran.stdout
    assert "runtime error" not in ran.stderr


@pytest.mark.parametrize(("overflow", "message"), [(0, "AddressSanitizer"), (1, "signed integer overflow")])
def test_sanitizers_would_speak(overflow: int, message: str) -> None:
    build = BUILDS["sanitized"]
    values = environment("sanitized", build)
    call = f"import ctypes, sys; ctypes.CDLL(sys.argv[1]).module_fault({overflow}, 3)"
    command = [sys.executable, "-c", call, str(compile_units(build))]
    ran = subprocess.run(command, env=values, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert message in ran.stderr


def test_every_size_that_no_kernel_allows_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "batflow_config.hpp").write_text(config_header(ODD))
    text = '#include "types.hpp"\n#include "batflow_config.hpp"\n'
    text += 'static_assert(bat::ConfigCheck<bat::Config>::kDone, "");\n'
    for member, values in REFUSED.items():
        for n, value in enumerate(values):
            bad = f"Bad_{member}_{n}"
            text += f"struct {bad} : bat::Config {{ static constexpr int {member} = {value}; }};\n"
            text += f'static_assert(bat::ConfigCheck<{bad}>::kDone, "");\n'
    source = tmp_path / "refused.cpp"
    source.write_text(text)
    command = ["g++", "-std=c++17", "-fsyntax-only", f"-I{tmp_path}", f"-I{KERNELS}"]
    command += ["-isystem", str(ap_types_folder()), str(source)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    reasons = re.findall(r"static assertion failed: Config: (\w+) must be", ran.stderr)
    assert sorted(reasons) == sorted(member for member, values in REFUSED.items() for _ in values)
