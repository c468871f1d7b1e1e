# SPDX-License-Identifier: Apache-2.0
"""The Vivado project's files: sources, wrapper, settings, and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from batflow.errors import InputError, MissingToolError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim_build import TOP, rtl_sources
from batflow.hls.vendor import tcl_word
from batflow.hls.verilator import RTL_FOLDER, find_verilator
from batflow.hls.vivado.project import write_vivado_project
from batflow.hls.vivado.settings import NOTE, Target

from .vivado_bench import CONFIG, TARGET, Bench, interpreter, tcl_list, write_bench

ECHO_MODULES = Path(__file__).parent / "sv"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return write_bench(tmp_path)


def test_sources_are_the_cosim_engines_in_its_order(bench: Bench) -> None:
    wanted = rtl_sources(TOP, (RTL_FOLDER,))
    text = (bench.folder / "settings.tcl").read_text()
    listed = next(tcl_list(line[len("set rtl {") : -1]) for line in text.splitlines() if "set rtl " in line)
    assert listed == [f"rtl/{path.name}" for path in wanted]
    assert sorted(p.name for p in (bench.folder / "rtl").iterdir()) == sorted(p.name for p in wanted)
    for path in wanted:
        assert (bench.folder / "rtl" / path.name).read_bytes() == path.read_bytes()


def test_every_file_that_was_not_run_says_so(bench: Bench) -> None:
    for path in sorted(p for p in bench.folder.iterdir() if p.is_file()):
        assert NOTE in path.read_text().splitlines()[1] or path.suffix == ".json", path.name
        assert NOTE in path.read_text(), path.name


def test_wrapper_has_the_ports_of_the_accelerator(bench: Bench) -> None:
    """Verilator elaborates the wrapper around the real top; MHA and FFN are stand-ins."""
    try:
        program = find_verilator().program
    except MissingToolError as exc:
        pytest.skip(str(exc))
    sources = rtl_sources(TOP, (ECHO_MODULES, RTL_FOLDER))
    wrapper = bench.folder / "bat_top.v"

    def lint() -> str:
        command = [str(program), "--lint-only", "--quiet", "-Wall", "-Wno-DECLFILENAME"]
        command += ["-Wno-SYMRSVDWORD", "--top-module", "bat_top", *map(str, sources), str(wrapper)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    assert lint() == ""
    wrapper.write_text(
        wrapper.read_text().replace("output wire [7:0]   m_axi_ffn_arlen", "output wire m_axi_ffn_arlen")
    )
    assert "m_axi_ffn_arlen" in lint()


@pytest.mark.parametrize("value", ["", "a b", "{", "}{", "$x [exit 3]", 'a"b;#c\\', "line\nline", "x\\"])
def test_tcl_words_come_through(value: str, tmp_path: Path) -> None:
    script = tmp_path / "word.tcl"
    show = "puts -nonewline [lindex $x 0]|[llength $x]\nflush stdout\n"
    script.write_text(f"set x {tcl_word([value, 1])}\n{show}")
    result = subprocess.run([*interpreter(), str(script)], capture_output=True, text=True, check=False)
    assert result.stdout == f"{value}|2"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    values = TARGET.__dict__
    with pytest.raises(InputError, match="no part to build for"):
        write_vivado_project(CONFIG, Target(**{**values, "part": "emulated"}), tmp_path / "p")
    with pytest.raises(InputError, match="vendor:library:bat_top:version"):
        write_vivado_project(CONFIG, Target(**{**values, "vlnv": "a:b:c"}), tmp_path / "p")
    with pytest.raises(InputError, match="lanes"):
        write_vivado_project(AcceleratorConfig(ln_lanes=16), TARGET, tmp_path / "p")
    assert not (tmp_path / "p").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="choose another folder"):
        write_vivado_project(CONFIG, TARGET, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").is_file()


def test_writing_again_replaces_the_project(bench: Bench) -> None:
    (bench.folder / "out").mkdir()
    write_vivado_project(CONFIG, TARGET, bench.folder)
    assert not (bench.folder / "out").exists()
