# SPDX-License-Identifier: Apache-2.0
"""The Vitis HLS project's scripts under stand-ins for the tools: arguments, order, failures, versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batflow.errors import EngineError, FormatError, InputError, MissingToolError
from batflow.hls.vitis.steps import COMMANDS, STEPS, TOOLS, WORK, Flow
from batflow.hls.vitis.tools import find_tools, run_steps, steps_to, tool_version

from .vitis_bench import UNIFIED, Bench, need_gxx, write_project

FLOWS: tuple[Flow, ...] = ("unified", "tcl")
ALL = ("vitis-run", "v++", "vitis_hls")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("vitis") / "written")


def bench_of(written: Path, tmp_path: Path, tools: tuple[str, ...] = ALL) -> Bench:
    """A copy of the project, in a folder whose name has a space."""
    return Bench(Path(shutil.copytree(written, tmp_path / "a project")), tmp_path, tools)


@pytest.fixture
def bench(written: Path, tmp_path: Path) -> Bench:
    return bench_of(written, tmp_path)


@pytest.fixture
def on_path(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The stand-ins on this process's PATH."""
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    return bench


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("flow", FLOWS)
def test_make_runs_the_steps_in_order(flow: Flow, bench: Bench) -> None:
    need_gxx()
    for step in STEPS:
        code, told = bench.make(step, f"TOOL={flow}")
        assert code == 0, told
    hls = bench.folder / WORK[flow] / "hls"
    for name in ("csim/report/bat_top_csim.log", "syn/report/csynth.xml", "sim/report/bat_top_cosim.rpt"):
        assert (hls / name).is_file(), name
    assert (hls / "impl/report/verilog/export_syn.rpt").is_file()
    assert bench.make("clean")[0] == 0 and not hls.exists()
    if flow == "unified":
        assert bench.calls() == [words for step in STEPS for words in COMMANDS[flow][step]]


def test_tcl_scripts_give_the_tool_the_same_values_as_the_config_file(bench: Bench) -> None:
    need_gxx()
    assert bench.make("csynth", "cosim", "TOOL=tcl")[0] == 0
    calls = bench.calls()
    first = [words[0] for words in calls[: [w[0] for w in calls].index("csynth_design") + 1]]
    order = ["open_project", "set_top", "add_files", "open_solution", "set_part", "create_clock"]
    assert [first.index(name) for name in [*order, "csynth_design"]] == sorted(
        first.index(name) for name in [*order, "csynth_design"]
    )
    given = {words[0]: words[1:] for words in calls}
    config = (bench.folder / "hls_config.cfg").read_text().splitlines()
    assert f"part={given['set_part'][0]}" in config and f"syn.top={given['set_top'][0]}" in config
    assert f"clock={given['create_clock'][1]}ns" in config
    added = [words[1:] for words in calls if words[0] == "add_files"]
    files = {f"tb.file={w[1]}" if w[0] == "-tb" else f"syn.file={w[0]}" for w in added}
    assert files == {line for line in config if line.startswith(("syn.file", "tb.file"))}
    pairs = dict(zip(given["config_export"][::2], given["config_export"][1::2], strict=True))
    names = {"-vendor": "vendor", "-library": "library", "-ipname": "name", "-version": "version"}
    assert {f"package.ip.{names[key]}={value}" for key, value in pairs.items()} <= set(config)
    assert given["cosim_design"] == ["-rtl", "verilog"]


def test_the_tools_csim_passes_and_fails_with_the_testbench(bench: Bench) -> None:
    """The stand-in compiles what the config file names, and runs it where the tool does."""
    need_gxx()
    headers = {"STUB_GXX": str(bench.folder / "gxx")}
    code, told = bench.make("csim", **headers)
    assert code == 0 and "PASS: 3 sequences" in told, told
    golden = bench.folder / "data" / "stream_out.bin"
    golden.write_bytes(golden.read_bytes()[:-1] + b"\x55")
    code, told = bench.make("csim", **headers)
    assert code != 0 and "first difference" in told and "nonzero return value 1" in told


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("step", ["cosim", "export"])
def test_a_step_before_its_synthesis_is_an_error(flow: Flow, step: str, bench: Bench) -> None:
    need_gxx()
    code, told = bench.make(step, f"TOOL={flow}")
    assert code != 0 and "holds no synthesized" in told


FAILURES = [("unified", step, target) for step, target in (("csim", "csim"), ("csynth", "csynth"))]
FAILURES += [("unified", "cosim", "cosim"), ("unified", "export", "package"), ("unified", "export", "impl")]
FAILURES += [("tcl", step, f"{step}_design") for step in STEPS] + [("tcl", "csim", "set_part")]


@pytest.mark.parametrize(("flow", "step", "target"), FAILURES)
def test_a_failing_command_ends_with_an_error(flow: Flow, step: str, target: str, bench: Bench) -> None:
    need_gxx()
    if step in ("cosim", "export"):
        assert bench.make("csynth", f"TOOL={flow}")[0] == 0
    code, told = bench.make(step, f"TOOL={flow}", STUB_FAIL=target)
    assert code != 0 and f"{target} failed" in told


@pytest.mark.parametrize("flow", FLOWS)
def test_a_part_that_the_tool_has_not_ends_with_an_error(flow: Flow, bench: Bench) -> None:
    need_gxx()
    code, told = bench.make("csynth", f"TOOL={flow}", STUB_PART="xc7z020clg400-1")
    assert code != 0 and "is not installed" in told


BROKEN = {
    "unknown key": ("unified", "csim", "hls_config.cfg", "tb.cflags", "tb.flags", "key tb.flags is unknown"),
    "key in no section": ("unified", "csim", "hls_config.cfg", "[hls]\n", "", "is unknown in section none"),
    "absent source": ("unified", "csim", "hls_config.cfg", "src/tb_bat", "src/tb_cat", "no file src/tb_cat"),
    "unknown option": ("unified", "csim", "Makefile", "hls --csim", "hls --c-sim", "no option --c-sim"),
    "wrong program": ("unified", "csynth", "Makefile", "v++ -c", "v++ --csim", "no target csim"),
    "no mode": ("unified", "csim", "Makefile", "--mode hls --csim", "--csim", "is incomplete"),
    "no part": ("tcl", "csim", "tcl/common.tcl", "    set_part $::part\n", "", "without a part"),
    "no clock": ("tcl", "csim", "tcl/common.tcl", "-period $::period", "-period x", "create_clock"),
    "no top": ("tcl", "csim", "tcl/common.tcl", "    set_top $::top\n", "", "without a top"),
    "misspelt": ("tcl", "csim", "tcl/csim.tcl", "csim_design", "csim_desing", "invalid command"),
    "option": ("tcl", "csim", "tcl/csim.tcl", "-clean", "-cleaner", "no option"),
    "file": ("tcl", "csim", "tcl/settings.tcl", "data/image.bin", "data/images.bin", "no file data/images"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_stubs_see_a_broken_script(case: str, bench: Bench) -> None:
    need_gxx()
    flow, step, name, old, new, word = BROKEN[case]
    edit(bench.folder / name, old, new)
    code, told = bench.make(step, f"TOOL={flow}")
    assert code != 0 and word in told, told


VERSIONS = [
    ("2023.2", 0),
    ("2024.1", 1),
    ("2024.2.1", 1),
    ("2025.2", 1),
    ("2026.1", 0),
    ("2024.0", 0),
    ("", 0),
]


@pytest.mark.parametrize(("version", "good"), VERSIONS)
@pytest.mark.parametrize("flow", FLOWS)
def test_versions(
    flow: Flow, version: str, good: int, on_path: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Makefile and the runner refuse the same ones."""
    need_gxx()
    monkeypatch.setenv("STUB_VERSION", version or "x")
    program = next(iter(TOOLS[flow]))
    code, told = on_path.make("csim", f"TOOL={flow}", STUB_VERSION=version or "x")
    assert (code == 0) == bool(good), told
    if good:
        assert find_tools(flow) == (flow, version)
        return
    assert f"{program} has version {version or 'unknown'}" in told and "settings64.sh" in told
    assert not on_path.calls()
    with pytest.raises(MissingToolError, match=f"{program}.*2024.1 to 2025.x"):
        find_tools(flow)


@pytest.mark.parametrize(
    ("tools", "found"),
    [(ALL, "unified"), (UNIFIED, "unified"), (("vitis_hls", "v++"), "tcl"), (("vitis_hls",), "tcl")],
)
def test_the_flow_is_what_is_on_path(
    tools: tuple[str, ...], found: Flow, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bench_of(written, tmp_path, tools).bin))
    assert find_tools()[0] == found


def test_absent_tools_are_named(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_gxx()
    bench = bench_of(written, tmp_path, ("vitis-run",))
    monkeypatch.setenv("PATH", str(bench.bin))
    with pytest.raises(MissingToolError, match=r"v\+\+, vitis_hls not found.*settings64\.sh.*make gxx"):
        find_tools()
    with pytest.raises(MissingToolError, match=r"\(vitis_hls not found\)"):
        find_tools("tcl")
    code, told = bench.make("csim")
    assert code != 0 and "v++ is not on PATH" in told and "settings64.sh" in told
    code, told = bench.make("csim", "TOOL=tcl")
    assert code != 0 and "vitis_hls is not on PATH" in told


def test_programs_of_two_installations_are_refused(on_path: Bench) -> None:
    (on_path.bin / "v++").write_text("#!/bin/sh\necho '****** v++ v2024.1 (64-bit)'\n")
    with pytest.raises(MissingToolError, match=r"vitis-run 2024.2, v\+\+ 2024.1"):
        find_tools()
    (on_path.bin / "v++").write_text("#!/nowhere\n")
    with pytest.raises(MissingToolError, match="does not run"):
        find_tools()


def test_the_banner_of_an_inner_tool_does_not_count(tmp_path: Path) -> None:
    tool = tmp_path / "vitis-run"
    tool.write_text("#!/bin/sh\necho '****** vitis-run v2024.1 (64-bit)'\necho '****** Vitis HLS v2023.2'\n")
    tool.chmod(0o755)
    assert tool_version(str(tool), "--version") == "2024.1"


@pytest.mark.parametrize("flow", FLOWS)
def test_the_runner_runs_the_makefiles_commands(flow: Flow, on_path: Bench) -> None:
    told: list[str] = []
    run_steps(on_path.folder, flow, STEPS, told.append)
    assert [line.split(":")[0] for line in told] == list(STEPS)
    if flow == "unified":
        assert on_path.calls() == [words for step in STEPS for words in COMMANDS[flow][step]]
    makefile = (on_path.folder / "Makefile").read_text()
    for step in STEPS:
        for words in COMMANDS[flow][step]:
            assert f"\t{' '.join(words)}\n" in makefile
        assert "$ " in (on_path.folder / "logs" / f"{step}.log").read_text()


def test_the_runner_stops_at_a_failing_step(on_path: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAIL", "csynth")
    with pytest.raises(EngineError, match=r"csynth failed: v\+\+ ended with 1: ERROR: .*csynth.log"):
        run_steps(on_path.folder, "unified", STEPS)
    assert not (on_path.folder / "logs" / "cosim.log").exists()
    with pytest.raises(FormatError, match="no Vitis HLS project"):
        run_steps(on_path.scratch, "unified", STEPS)


def test_steps_and_tools_have_names() -> None:
    assert steps_to("cosim") == ("csim", "csynth", "cosim")
    with pytest.raises(InputError, match="allowed: csim, csynth, cosim, export"):
        steps_to("bitstream")
    with pytest.raises(InputError, match="allowed: unified, tcl"):
        find_tools("make")  # type: ignore[arg-type]
