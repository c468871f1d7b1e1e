# SPDX-License-Identifier: Apache-2.0
"""Stands in for ``vitis-run`` and ``v++``: checks arguments, the config file and the order, after UG1702.

Called as ``vitis_stub_tool.py PROGRAM ARGUMENTS``. Environment: STUB_LOG the record, a JSON list a line;
STUB_REPORTS a folder with csim.log, csynth.xml, cosim.rpt, export.rpt; STUB_VERSION; STUB_FAIL a target that
fails; STUB_PART the one part that the tool has; STUB_GXX a folder of headers: csim then compiles and runs the
testbench, in the folder and on the copied data that the tool uses.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

KEYS = {
    *("part", "flow_target", "clock", "syn.top", "syn.file", "syn.cflags", "syn.interface.m_axi_addr64"),
    *("tb.file", "tb.cflags", "cosim.rtl", "package.output.format", "package.output.syn"),
    *("package.ip.vendor", "package.ip.library", "package.ip.name", "package.ip.version"),
    *("vivado.flow", "vivado.rtl"),
}
REPORTS = {
    "csim": [("csim.log", "csim/report/{top}_csim.log")],
    "csynth": [("csynth.xml", "syn/report/csynth.xml")],
    "cosim": [("cosim.rpt", "sim/report/{top}_cosim.rpt")],
    "package": [],
    "impl": [("export.rpt", "impl/report/verilog/export_syn.rpt")],
}
Settings = dict[str, list[str]]


def fail(text: str) -> None:
    sys.stdout.write(f"ERROR: [stub] {text}\n")
    sys.exit(1)


def target_of(program: str, words: list[str]) -> tuple[str, Path, Path]:
    """Target, config file and work folder of a command line; anything else in it is an error."""
    flags, given, rest = [], {}, list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--mode", "--config", "--work_dir") and rest:
            given[word] = rest.pop(0)
        elif word in ("--csim", "--cosim", "--package", "--impl", "-c"):
            flags.append(word.lstrip("-"))
        else:
            fail(f"{program} has no option {word}")
    if given.pop("--mode", "") != "hls" or set(given) != {"--config", "--work_dir"} or len(flags) != 1:
        fail(f"{program} {' '.join(words)} is incomplete")
    if (flags[0] == "c") != (program == "v++"):
        fail(f"{program} has no target {flags[0]}")
    target = "csynth" if program == "v++" else flags[0]
    return target, Path(given["--config"]), Path(given["--work_dir"])


def read_config(file: Path) -> Settings:
    settings: Settings = {}
    section = ""
    for line in file.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            if key not in KEYS or (key == "part") != (section == ""):
                fail(f"{file}: key {key} is unknown in section {section or 'none'}")
            settings.setdefault(key, []).append(value)
    for name in settings["syn.file"] + settings["tb.file"]:
        if not (file.parent / name).is_file():
            fail(f"no file {name}")
    if settings["part"] != [os.environ.get("STUB_PART", "xczu9eg-ffvb1156-2-e")]:
        fail(f"part {settings['part'][0]} is not installed")
    return settings


def simulate(settings: Settings, root: Path, build: Path) -> None:
    """What csim does: compiles sources and testbench, runs it beside copies of its data."""
    build.mkdir(parents=True, exist_ok=True)
    sources = [name for name in settings["syn.file"] + settings["tb.file"] if name.endswith(".cpp")]
    for name in settings["tb.file"]:
        if name not in sources:
            shutil.copy(root / name, build)
    if not (build / "csim.exe").is_file():
        headers = Path(os.environ["STUB_GXX"])
        words = ["g++", *settings["tb.cflags"], "-w", "-isystem", str(headers)]
        words += ["-isystem", str(headers / "ap_types"), *(str(root / name) for name in sources)]
        subprocess.run([*words, "-o", str(build / "csim.exe")], check=True)
    code = subprocess.run([str((build / "csim.exe").resolve())], cwd=build, check=False).returncode
    if code:
        fail(f"'csim_design' failed: nonzero return value {code}")


def main(program: str, *words: str) -> None:
    if words == ("--version",):
        version = os.environ.get("STUB_VERSION", "2024.2")
        sys.stdout.write(f"\n****** {program} v{version} (64-bit)\n  **** SW Build 5239630\n")
        return
    with Path(os.environ["STUB_LOG"]).open("a") as log:
        log.write(json.dumps([program, *words]) + "\n")
    target, config, work = target_of(program, list(words))
    settings = read_config(config)
    folder = work / "hls"
    if target in ("cosim", "package", "impl") and not (folder / "syn/report/csynth.xml").is_file():
        fail(f"{target}: {work} holds no synthesized component")
    if os.environ.get("STUB_FAIL") == target:
        fail(f"{target} failed as asked")
    if target == "csim" and "STUB_GXX" in os.environ:
        simulate(settings, config.parent, folder / "csim" / "build")
    for source, path in REPORTS[target]:
        place = folder / path.format(top=settings["syn.top"][0])
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(os.environ["STUB_REPORTS"]) / source, place)


if __name__ == "__main__":
    main(*sys.argv[1:])
