# SPDX-License-Identifier: Apache-2.0
"""The generated files of a Vitis HLS project: hls_config.cfg, settings.tcl, Makefile."""

from __future__ import annotations

from dataclasses import dataclass

from ..vendor import file_header, tcl_word
from .steps import COMMANDS, REMEDY, STEPS, TOOLS, WORK, Flow

NOTE = "NOT RUN HERE: written for Vitis HLS 2024.1 to 2025.x, tested with g++ and stubbed tools only."
TOP = "bat_top"
STANDARD = "c++14"
SOURCE, TESTBENCH = "src/bat_top_vitis.cpp", "src/tb_bat_top.cpp"
GXX_FLAGS = (
    *("-O2", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-unused-parameter"),
    # ap_private masks its own storage before the first assignment; g++ sees that through inlining.
    *("-Wno-uninitialized", "-Wno-maybe-uninitialized"),
    *("-isystem", "gxx", "-isystem", "gxx/ap_types"),
)


@dataclass(frozen=True)
class VitisTarget:
    """What the IP is made for. ``vlnv`` vendor:library:bat_top:version of the IP; ``board`` may be empty."""

    board: str
    part: str
    clock_mhz: float
    vlnv: str

    @property
    def period_ns(self) -> str:
        """The clock's period, as both forms of script take it."""
        return f"{1000 / self.clock_mhz:.4f}"


def config_text(target: VitisTarget, data: list[str]) -> str:
    """Return ``hls_config.cfg``; ``data`` are the golden vectors, by path in the project."""
    vendor, library, name, version = target.vlnv.split(":")
    pairs = [
        ("flow_target", "vivado"),
        ("clock", f"{target.period_ns}ns"),
        ("syn.top", TOP),
        ("syn.file", SOURCE),
        ("syn.cflags", f"-std={STANDARD}"),
        ("syn.interface.m_axi_addr64", "1"),
        *(("tb.file", path) for path in (TESTBENCH, *data)),
        ("tb.cflags", f"-std={STANDARD}"),
        ("cosim.rtl", "verilog"),
        ("package.output.format", "ip_catalog"),
        ("package.output.syn", "false"),
        ("package.ip.vendor", vendor),
        ("package.ip.library", library),
        ("package.ip.name", name),
        ("package.ip.version", version),
        ("vivado.flow", "syn"),
        ("vivado.rtl", "verilog"),
    ]
    lines = [f"part={target.part}", "", "[hls]", *(f"{key}={value}" for key, value in pairs)]
    return file_header("#", NOTE) + "\n".join(lines) + "\n"


def settings_text(target: VitisTarget, data: list[str]) -> str:
    """Return ``tcl/settings.tcl``, the same values for the Tcl scripts."""
    vendor, library, name, version = target.vlnv.split(":")
    values: dict[str, object] = {
        "part": target.part,
        "period": target.period_ns,
        "top": TOP,
        "work": WORK["tcl"],
        "cflags": f"-std={STANDARD}",
        "source": SOURCE,
        "testbench": TESTBENCH,
        "data": data,
        "ip": {"-vendor": vendor, "-library": library, "-ipname": name, "-version": version},
    }
    lines = [f"set {name} {tcl_word(value)}" for name, value in values.items()]
    return file_header("#", NOTE) + "\n".join(lines) + "\n"


def _tool_check(flow: Flow) -> str:
    """Recipe that refuses an absent tool and a version outside 2024.1 to 2025.x, by name."""
    text = ""
    version = "sed -n 's/.*[^0-9a-z]v\\(20[0-9.]*\\).*/\\1/p' | head -n 1"
    for tool, option in TOOLS[flow].items():
        text += (
            f"\t@command -v {tool} >/dev/null || \\\n"
            f"\t{{ echo 'error: {tool} is not on PATH; {REMEDY}' >&2; exit 2; }}\n"
            f'\t@v=$$({tool} {option} 2>&1 | {version}); case "$$v" in 202[45].[1-9]*) ;; \\\n'
            f'\t*) echo "error: {tool} has version $${{v:-unknown}}; {REMEDY}" >&2; exit 2;; esac\n'
        )
    return text


def makefile_text() -> str:
    """Return the Makefile: gxx, csim, csynth, cosim, export, clean."""
    text = file_header("#", NOTE) + (
        "# make gxx: the testbench with plain g++. make csim csynth cosim export: Vitis HLS, in this order.\n"
        "# TOOL=unified: vitis-run and v++ (2024.1 to 2025.x); TOOL=tcl: vitis_hls -f (2024.x).\n"
        "TOOL ?= unified\n"
        "CXX ?= g++\n"
        f".PHONY: gxx {' '.join(STEPS)} tools-unified tools-tcl clean\n"
        "gxx: gxx/tb_bat_top\n"
        "\tgxx/tb_bat_top data\n"
        "gxx/tb_bat_top: $(wildcard src/*.cpp src/*.hpp gxx/*.h)\n"
        f"\t$(CXX) -std={STANDARD} {' '.join(GXX_FLAGS)} {SOURCE} {TESTBENCH} -o $@\n"
    )
    flows: tuple[Flow, ...] = ("unified", "tcl")
    for step in STEPS:
        text += f"{step}: {step}-$(TOOL)\n"
    for flow in flows:
        text += f"tools-{flow}:\n" + _tool_check(flow)
        for step, commands in COMMANDS[flow].items():
            text += f"{step}-{flow}: tools-{flow}\n" + "".join(f"\t{' '.join(words)}\n" for words in commands)
    return text + f"clean:\n\trm -rf gxx/tb_bat_top {' '.join(WORK.values())} logs *.log\n"
