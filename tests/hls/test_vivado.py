# SPDX-License-Identifier: Apache-2.0
"""The Vivado project's scripts, executed by a real Tcl interpreter on stubbed commands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from batflow.hls.cosim_build import TOP, rtl_sources
from batflow.hls.registers.table import REGISTERS
from batflow.hls.verilator import RTL_FOLDER
from batflow.hls.vivado.project import write_vivado_project
from batflow.hls.vivado.settings import Target
from batflow.hls.vivado.wrapper import parameter_texts

from .vivado_bench import CONFIG, TARGET, Bench, tcl_list, timing, write_bench

SCRIPTS = ("package_ip.tcl", "build.tcl", "ooc.tcl")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return write_bench(tmp_path)


def packaged(bench: Bench) -> Bench:
    code, _, told = bench.run("package_ip.tcl")
    assert code == 0, told
    return bench


def called(calls: list[list[str]], name: str) -> list[list[str]]:
    return [words[1:] for words in calls if words[0] == name]


def edit(bench: Bench, name: str, old: str, new: str) -> None:
    file = bench.folder / name
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def test_package(bench: Bench) -> None:
    code, calls, told = bench.run("package_ip.tcl")
    assert code == 0, told
    assert (bench.folder / "ip" / "component.xml").is_file()
    names = [words[0] for words in calls]
    order = ("create_project", "add_files", "ipx::package_project", "ipx::add_register", "ipx::save_core")
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    busses = {words[1] for words in called(calls, "ipx::associate_bus_interfaces")}
    assert busses == {"s_axi_control", "m_axi_mha", "m_axi_ffn", "s_axis_in", "m_axis_out"}
    assert {w[3] for w in called(calls, "ipx::associate_bus_interfaces")} == {"ap_clk"}
    values = {w[2].rpartition("/")[2]: w[1] for w in called(calls, "set_property") if w[0] == "value"}
    assert values == {"ASSOCIATED_RESET": "ap_rst_n", "POLARITY": "ACTIVE_LOW", "SENSITIVITY": "LEVEL_HIGH"}
    (core,) = (tcl_list(w[1]) for w in called(calls, "set_property") if w[-1] == "core:1")
    identity = dict(zip(core[::2], core[1::2], strict=True))
    assert ":".join(identity[n] for n in ("vendor", "library", "name", "version")) == TARGET.vlnv


def test_packaged_registers_are_the_tables(bench: Bench) -> None:
    calls = bench.run("package_ip.tcl")[1]
    names = [words[0] for words in called(calls, "ipx::add_register")]
    words_of = {r.name: [r.name] if r.words == 1 else [f"{r.name}_LO", f"{r.name}_HI"] for r in REGISTERS}
    assert names == [name for register in REGISTERS for name in words_of[register.name]]
    places = [tcl_list(w[1])[1] for w in called(calls, "set_property") if w[-1].startswith("register:")]
    assert [int(p) for p in places] == [r.offset + 4 * word for r in REGISTERS for word in range(r.words)]
    fields = [words[0] for words in called(calls, "ipx::add_field")]
    assert fields == [field.name for register in REGISTERS for field in register.fields]


def test_build(bench: Bench) -> None:
    code, calls, told = packaged(bench).run("build.tcl")
    assert code == 0, told
    names = [words[0] for words in calls]
    assert names[-1] == "write_bitstream" and bench.bitstream.is_file()
    assert (bench.folder / "out" / "batflow.hwh").is_file()
    order = ["create_project", "create_bd_design", "validate_bd_design", "generate_target", "launch_runs"]
    order += ["wait_on_runs", "open_run", "report_timing_summary", "write_bitstream"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    runs = [words for words in calls if words[0] in ("launch_runs", "wait_on_runs")]
    assert [(words[0], words[1]) for words in runs] == [
        (name, run) for run in ("synth_1", "impl_1") for name in ("launch_runs", "wait_on_runs")
    ]
    cells = {words[-1]: words[3] for words in called(calls, "create_bd_cell")}
    assert cells[TARGET.ps_name] == "xilinx.com:ip:zynq_ultra_ps_e:3.5"
    assert cells[TARGET.accelerator_name] == TARGET.vlnv and TARGET.dma_name in cells


def addresses(calls: list[list[str]]) -> dict[str, tuple[int, int]]:
    found = {}
    for words in called(calls, "assign_bd_address"):
        if words:
            given = dict(zip(words[:-2:2], words[1:-2:2], strict=True))
            found[words[-1]] = (int(given["-offset"], 0), int(given["-range"]))
    return found


@pytest.mark.parametrize("dma", [0xA000_0000, 0xA00C_0000])
def test_addresses_clock_and_part_are_the_boards(dma: int, tmp_path: Path) -> None:
    values = {**TARGET.__dict__, "dma_address": dma, "clock_mhz": 187.5, "part": "xck26-sfvc784-2LV-c"}
    write_vivado_project(CONFIG, Target(**values), tmp_path / "project")
    calls = packaged(Bench(tmp_path / "project", tmp_path)).run("build.tcl")[1]
    assert addresses(calls) == {
        "segment:axi_dma_0/S_AXI_LITE/Reg": (dma, 0x1_0000),
        "segment:bat_top_0/s_axi_control/reg0": (0xA001_0000, 0x1_0000),
    }
    assert [words[-2] for words in called(calls, "create_project")] == ["xck26-sfvc784-2LV-c"]
    settings = " ".join(
        words[1] for words in called(calls, "set_property") if words[-1] == "cell:zynq_ultra_ps_e_0"
    )
    assert "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 187.5" in settings
    assert "-period 5.3333" in (tmp_path / "project" / "clock.xdc").read_text()


def test_out_of_context_synthesis_has_the_configs_parameters(bench: Bench) -> None:
    code, calls, told = bench.run("ooc.tcl")
    assert code == 0, told
    (words,) = called(calls, "synth_design")
    given = dict(words[n + 1].split("=") for n, word in enumerate(words) if word == "-generic")
    assert given == parameter_texts(CONFIG)
    assert given["FFN_TOKENS"] == "8" and given["CONFIG_HASH"] == f"64'h{CONFIG.config_hash()}"
    declared = set(
        re.findall(r"parameter \w+ (?:unsigned |\[63:0\] )(\w+)", (RTL_FOLDER / f"{TOP}.sv").read_text())
    )
    assert set(given) == declared
    read = [tcl_list(words[-1])[0] for words in called(calls, "read_verilog")]
    assert [Path(file).name for file in read] == [p.name for p in rtl_sources(TOP, (RTL_FOLDER,))]
    assert all(Path(file).is_file() for file in read)
    wrapper = (bench.folder / "bat_top.v").read_text()
    assert dict(re.findall(r"\.([A-Z_]+)\(([^)]+)\)", wrapper)) == given


@pytest.mark.parametrize("script", SCRIPTS)
def test_any_failing_command_ends_with_an_error_and_no_bitstream(script: str, bench: Bench) -> None:
    commands = {words[0] for words in packaged(bench).run(script)[1]}
    assert len(commands) >= 7
    for name in sorted(commands):
        code, _, told = bench.run(script, STUB_FAIL=name)
        assert code != 0 and f"{name} failed" in told, name
        assert not bench.bitstream.exists(), name
        packaged(bench)


@pytest.mark.parametrize("run", ["synth_1", "impl_1"])
def test_a_failed_run_ends_with_an_error(run: str, bench: Bench) -> None:
    code, calls, told = packaged(bench).run("build.tcl", STUB_RUN=run)
    assert code != 0 and f"{run} ended at 37%" in told
    assert not called(calls, "write_bitstream")


@pytest.mark.parametrize(
    ("script", "wns", "whs", "met"),
    [
        ("build.tcl", "-0.001", "0.010", False),
        ("build.tcl", "0.000", "0.000", True),
        ("build.tcl", "0.100", "-0.020", False),
        ("build.tcl", "NA", "NA", False),
        ("ooc.tcl", "-1.250", "0.010", False),
        ("ooc.tcl", "0.010", "-0.020", True),
    ],
)
def test_timing_decides(script: str, wns: str, whs: str, met: bool, bench: Bench) -> None:
    packaged(bench).reports["timing"] = timing(wns, whs)
    code, calls, told = bench.run(script)
    assert (code == 0) == met, told
    assert bool(called(calls, "write_bitstream")) == (met and script == "build.tcl")
    assert met or "timing" in told


@pytest.mark.parametrize(
    ("version", "good"), [("2022.1", 0), ("2022.2", 1), ("2025.1.1", 1), ("2026.1", 0), ("x", 0)]
)
def test_versions(version: str, good: int, bench: Bench) -> None:
    code, calls, told = bench.run("ooc.tcl", STUB_VERSION=version)
    assert (code == 0) == bool(good), told
    assert good or [words[0] for words in calls] == ["version"]


def test_newer_concat_and_board_preset(bench: Bench) -> None:
    boards = "xilinx.com:zcu102:part0:3.3 xilinx.com:zcu102:part0:3.4 xilinx.com:zcu106:part0:9.9"
    concat = "xilinx.com:inline_hdl:ilconcat:1.0"
    code, calls, told = packaged(bench).run("build.tcl", STUB_BOARDS=boards, STUB_CONCAT=concat)
    assert code == 0, told
    assert [words[1] for words in called(calls, "set_property") if words[0] == "board_part"] == [
        boards.split()[1]
    ]
    assert called(calls, "apply_bd_automation")
    code, calls, told = bench.run("build.tcl")
    assert code == 0 and "no board files" in told and not called(calls, "apply_bd_automation")


def test_a_clock_above_the_asked_one_is_refused(bench: Bench) -> None:
    assert "above the 250" in packaged(bench).run("build.tcl", STUB_CLOCK="299.997")[2]


BROKEN = {
    "unknown command": (
        "build.tcl",
        "build.tcl",
        "update_ip_catalog",
        "update_ip_catalogue",
        "invalid command",
    ),
    "unknown option": (
        "build.tcl",
        "build.tcl",
        "write_bitstream -force",
        "write_bitstream -forced",
        "no option",
    ),
    "unknown property": ("package_ip.tcl", "package_ip.tcl", "core_revision 1", "revision 1", "no property"),
    "unknown setting": (
        "build.tcl",
        "block_design.tcl",
        "PSU__USE__IRQ0",
        "PSU__USE__IRQ_0",
        "has no CONFIG",
    ),
    "files before a project": ("ooc.tcl", "ooc.tcl", "create_project -in_memory -part $part\n", "", "before"),
    "run not waited for": ("build.tcl", "build.tcl", "finish_run synth_1\n", "", "before synth_1 is done"),
    "bitstream too early": (
        "build.tcl",
        "build.tcl",
        "open_run impl_1\n",
        "write_bitstream x.bit\nopen_run impl_1\n",
        "without an",
    ),
    "open pin": (
        "build.tcl",
        "block_design.tcl",
        "lappend resets $smc/aresetn",
        "",
        "aresetn is not connected",
    ),
    "open bus": (
        "build.tcl",
        "block_design.tcl",
        "join_interfaces $dma/M_AXIS_MM2S $ip/$::stream_in",
        "",
        "not connected",
    ),
    "no such pin": ("build.tcl", "block_design.tcl", "$ps/pl_resetn0 ", "$ps/pl_reset0 ", "0 found, not one"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_stubs_see_a_broken_script(case: str, bench: Bench) -> None:
    script, name, old, new, word = BROKEN[case]
    edit(packaged(bench), name, old, new)
    code, _, told = bench.run(script)
    assert code != 0 and word in told, told
    assert not bench.bitstream.exists()


@pytest.mark.parametrize("script", ["package_ip.tcl", "ooc.tcl"])
def test_an_absent_source_ends_with_an_error(script: str, bench: Bench) -> None:
    (bench.folder / "rtl" / "qmm_pkg.sv").unlink()
    code, _, told = bench.run(script)
    assert code != 0 and "no file" in told and "qmm_pkg.sv" in told


def test_make_runs_the_scripts_and_passes_their_failure_on(bench: Bench) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    assert bench.make("bit") == 0 and bench.bitstream.is_file()
    assert bench.make("ooc") == 0 and (bench.folder / "reports_ooc" / "timing.rpt").is_file()
    assert bench.make("clean") == 0 and not bench.bitstream.exists()
    bench.reports["timing"] = timing("-0.100")
    assert bench.make("bit") != 0 and not bench.bitstream.exists()
    assert bench.make("ooc") != 0


def test_build_needs_the_packaged_ip(bench: Bench) -> None:
    code, calls, told = bench.run("build.tcl")
    assert code != 0 and "run package_ip.tcl" in told and not called(calls, "create_project")
