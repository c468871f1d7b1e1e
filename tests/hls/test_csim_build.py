# SPDX-License-Identifier: Apache-2.0
"""Building the csim engine: cache, faults, the Vitis top function, and the sanitizers."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from batflow.errors import EngineError, FormatError, InputError, MissingToolError
from batflow.hls import csim_build
from batflow.hls.config import AcceleratorConfig, load_config, make_config
from batflow.hls.csim import COUNTERS, CsimEngine, decode_batch, encode_batch
from batflow.hls.csim_build import KERNELS, ap_types_folder, build_csim, compile_library, config_header
from batflow.hls.engine import Engine
from batflow.hls.reference.encoder import Reference
from batflow.hls.registers.table import VERSION

from .kernel_library import CPP, ODD, STRICT, csim_library, pointer
from .programs import random_program

PROGRAM = random_program(2, hidden=64, heads=4, ffn=96, max_len=16, kind="wtws")


def batch() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(-32768, 32768, size=(n, 64)).astype(np.int16) for n in (9, 16, 1)]


def test_second_build_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    library = csim_library()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(csim_build, "atomic_path", refuse)
    assert build_csim(ODD, STRICT) == library


def test_info_tells_the_config(tmp_path: Path) -> None:
    engine = Engine(csim_library(), np.zeros(64, dtype=np.uint8))
    info = engine.info
    assert (info["kind"], info["cycles_source"]) == ("csim", "estimate")
    assert make_config(info["config"]) == ODD
    assert info["config_hash"] == ODD.config_hash()


def test_no_compiler_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(MissingToolError, match=r"needs the C\+\+ compiler g\+\+"):
        build_csim(ODD)


def test_compile_error_gives_its_first_line_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    csim_library()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path))
    source = tmp_path / "bad.cpp"
    source.write_text("int f() { return undeclared; }\nint g() { return another; }\n")
    with pytest.raises(EngineError, match=r"^csim does not compile: .*bad\.cpp:1:.*undeclared") as error:
        compile_library(ODD, [source], "bad")
    assert "another" not in str(error.value)
    assert list(tmp_path.rglob("*.so")) == []


def test_config_that_no_kernel_allows_names_the_reason(tmp_path: Path) -> None:
    csim_library()
    source = tmp_path / "unit.cpp"
    source.write_text(
        '#include "bat_top.hpp"\n#include "batflow_config.hpp"\n'
        "struct Bad : bat::Config { static constexpr int kMaxHidden = 8192; };\n"
        "bat::Buffers<Bad> b; std::uint32_t n; bat::NormConstants<Bad> k;\n"
        "void f(bat::h_t* row) { bat::ln_row<Bad>(row, 1, k, n); }\n"
    )
    with pytest.raises(EngineError, match=r"Config: kMaxHidden must be 4\.\.4096"):
        compile_library(ODD, [source], "bad")


def test_vitis_top_function_equals_the_engine() -> None:
    csim_library()
    top = ctypes.CDLL(str(compile_library(ODD, [CPP / "top.cpp"], "top")))
    top.run_top.restype, top.top_error.restype = ctypes.c_int64, ctypes.c_char_p
    engine, rows = CsimEngine(PROGRAM, csim_library()), batch()
    expected = engine.run(rows)
    beats = np.frombuffer(encode_batch(rows), dtype=np.uint64)
    image = engine.image.view(np.uint64)
    out, registers = np.zeros_like(beats), np.zeros(14, dtype=np.uint64)
    size = ctypes.c_uint64
    count = top.run_top(
        *(pointer(image), size(len(image)), size(int(image[2])), len(rows)),
        *(pointer(beats), size(len(beats)), pointer(out), size(len(out)), pointer(registers)),
    )
    assert count == len(beats), top.top_error().decode()
    for got, output in zip(decode_batch(out.tobytes(), 64), expected.outputs, strict=True):
        np.testing.assert_array_equal(got, output)
    values = registers.tolist()
    assert values[:3] == [VERSION, int(ODD.config_hash(), 16), 0]
    assert dict(zip(COUNTERS, values[3:13], strict=True)) == expected.counters
    assert values[13] == expected.saturations


def test_engine_is_clean_under_the_sanitizers(tmp_path: Path) -> None:
    engine, rows = CsimEngine(PROGRAM, csim_library()), batch()
    (tmp_path / "batflow_config.hpp").write_text(config_header(ODD))
    flags = [f for f in csim_build.FLAGS if f not in ("-shared", "-O2")]
    command = ["g++", *flags, *STRICT, "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command += ["-fno-sanitize=shift"]  # ap_private shifts negative numbers left throughout
    command += ["-I", str(tmp_path), "-I", str(KERNELS), "-isystem", str(ap_types_folder())]
    program = tmp_path / "sanitize"
    built = subprocess.run(
        [*command, str(CPP / "sanitize.cpp"), "-o", str(program)], capture_output=True, text=True, check=False
    )
    if "cannot find" in built.stderr:
        pytest.skip("libasan or libubsan is absent: the sanitizer test needs them")
    assert built.returncode == 0, built.stderr
    (tmp_path / "image").write_bytes(engine.image.tobytes())
    (tmp_path / "input").write_bytes(encode_batch(rows))
    digits = f"{int(engine.image.view(np.uint64)[2]):016x}"
    files = [str(tmp_path / name) for name in ("input", "output")]
    ran = subprocess.run(
        [str(program), str(tmp_path / "image"), digits, "3", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "ERROR" not in ran.stderr
    assert "runtime error" not in ran.stderr
    for h, output in zip(rows, decode_batch((tmp_path / "output").read_bytes(), 64), strict=True):
        np.testing.assert_array_equal(output, Reference(PROGRAM).encode(h.astype(np.int64)).hidden)


def test_config_hash_follows_every_value() -> None:
    hashes = {ODD.config_hash(), AcceleratorConfig().config_hash()}
    hashes |= {
        ODD.model_copy(update={name: 2 * (getattr(ODD, name) or 1)}).config_hash()
        for name in AcceleratorConfig.model_fields
    }
    assert len(hashes) == 2 + len(AcceleratorConfig.model_fields)
    assert all(len(digits) == 16 for digits in hashes)


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("max_hiden: 4", InputError, r"max_hiden: .*given 4.*Known names: max_layers"),
        ("qmm_simd_bits: 48", InputError, "must be a power of two, not 48"),
        ("max_bits: 9\nmax_heads: 0", InputError, "max_heads.*max_bits|max_bits.*max_heads"),
        ("clock_mhz: fast", InputError, "clock_mhz"),
        ("- 1\n- 2", FormatError, "holds no mapping"),
        ("", FormatError, "holds no mapping"),
        ("a: [", FormatError, "is not YAML"),
    ],
)
def test_bad_config_files(tmp_path: Path, text: str, kind: type[Exception], match: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(kind, match=match) as error:
        load_config(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_absent_config_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_config_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(ODD.model_dump()))
    assert load_config(path) == ODD
    assert ODD.fits(PROGRAM)
    assert not ODD.fits(random_program(1, hidden=164, heads=4))
