# SPDX-License-Identifier: Apache-2.0
"""Rules that the whole repository keeps: rooms, licences, sizes, wording."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("quant", "hls", "host", "overlays", "codesign", "flow")
MAY_IMPORT = {
    "quant": set[str](),
    "hls": set[str](),
    "host": set[str](),
    "overlays": {"hls"},
    "codesign": set(ROOMS) - {"flow"},
    "flow": set(ROOMS),
    "common": set[str](),
}
NOT_ON_A_BOARD = {"torch", "onnx", "qonnx", "brevitas", "hls4ml", "pydantic", "onnxruntime"}
SOURCE = {".py", ".sh", ".hpp", ".cpp", ".h", ".c", ".sv"}
LONGEST_FILE = 350
LONGEST_README = 40

# What a product's repository has no reason to say. Each pattern is searched line by line.
FORBIDDEN = {
    "an absolute path": re.compile(r"(?<![\w.:/}-])/(work|home|root|tmp|opt|mnt|Users)/"),
    "a registry host": re.compile(r"pypi\.org|pythonhosted|huggingface\.co|npmjs|anaconda\.org"),
    "a working session": re.compile(r"(?<!scope=\")(?<!test )\bsessions?\b", re.IGNORECASE),
    "an assistant": re.compile(r"\b(sub-?agents?|chatbots?|claude|anthropic|workplace)\b", re.I),
    "an issue number": re.compile(r"\b(issue|issues|ticket|PR|pull request)s?\s+#?\d+\b", re.I),
    "unfinished work": re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"),
}
ISSUE_IN_PROSE = re.compile(r"(?<![\w&/])#\d{1,4}\b")


def tracked(*suffixes: str) -> list[Path]:
    """Files that git knows or would add, with one of ``suffixes`` (all when none is given)."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / line for line in listing.splitlines()]
    return [p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes)]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imported_modules(source: str) -> Iterator[str]:
    """Absolute names a module imports; a relative import is given with its leading dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            if base == "batflow":
                yield from (f"batflow.{alias.name}" for alias in node.names)


def forbidden_rooms(source: str, room: str, depth: int) -> list[str]:
    """Imports of ``source`` (a module ``depth`` folders inside ``room``) that break the rule."""
    wrong = []
    for name in imported_modules(source):
        dots = len(name) - len(name.lstrip("."))
        if dots > depth + 1:
            wrong.append(name)
        parts = name.split(".")
        outside = len(parts) > 1 and parts[1] in set(ROOMS) - MAY_IMPORT[room] - {room}
        if parts[0] == "batflow" and outside:
            wrong.append(name)
    return wrong


def test_rooms_import_only_what_they_may() -> None:
    wrong = {}
    for path in tracked(".py"):
        if room_of(path) in MAY_IMPORT:
            depth = len(path.relative_to(ROOT).parts) - 2
            found = forbidden_rooms(path.read_text(encoding="utf-8"), room_of(path), depth)
            if found:
                wrong[str(path.relative_to(ROOT))] = found
    assert not wrong


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("import batflow.hls.program", "quant"),
        ("from batflow import hls", "quant"),
        ("from batflow.quant import encoder", "host"),
        ("def f():\n    from batflow.host.errors import X", "overlays"),
        ("from ..hls import program", "quant"),
    ],
)
def test_import_rule_sees_a_breach(source: str, room: str) -> None:
    assert forbidden_rooms(source, room, 0)


def test_host_needs_nothing_but_numpy_and_pynq() -> None:
    for path in tracked(".py"):
        if room_of(path) in ("host", "common"):
            modules = {n.split(".")[0] for n in imported_modules(path.read_text(encoding="utf-8"))}
            assert not modules & NOT_ON_A_BOARD, path


def test_every_source_file_has_its_licence() -> None:
    missing = []
    for path in tracked(*SOURCE):
        head = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:4])
        if path.stat().st_size and "SPDX-License-Identifier: Apache-2.0" not in head:
            missing.append(str(path.relative_to(ROOT)))
    assert not missing


def test_every_top_folder_has_a_short_readme() -> None:
    folders = {room_of(p) for p in tracked() if p.parent != ROOT}
    for folder in sorted(f for f in folders if not f.startswith(".")):
        readme = ROOT / folder / "README.md"
        assert readme.is_file(), f"{folder}/ has no README.md"
        lines = readme.read_text(encoding="utf-8").count("\n")
        assert lines <= LONGEST_README, f"{readme} has {lines} lines"


def test_files_hold_one_concept() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(*SOURCE)
        if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST_FILE
    }
    assert not long


def offences(text: str, prose: bool) -> list[str]:
    """Lines of ``text`` that match a forbidden pattern, as "what: line"."""
    patterns = dict(FORBIDDEN)
    if prose:
        patterns["an issue number"] = ISSUE_IN_PROSE
    return [
        f"{what}: {line.strip()[:100]}"
        for line in text.splitlines()
        for what, pattern in patterns.items()
        if pattern.search(line)
    ]


def test_the_repository_speaks_of_the_product_only() -> None:
    found = {}
    for path in tracked(*SOURCE, ".md", ".toml", ".yaml", ".yml"):
        if path != Path(__file__).resolve():
            lines = offences(path.read_text(encoding="utf-8"), path.suffix == ".md")
            if lines:
                found[str(path.relative_to(ROOT))] = lines
    assert not found


@pytest.mark.parametrize(
    "line",
    ["see /home/me/x", "fixed in #12", "an earlier session", "TODO later", "from pypi.org"],
)
def test_wording_rule_sees_a_breach(line: str) -> None:
    assert offences(line, prose=True)


def test_tests_mirror_the_rooms() -> None:
    tops = {room_of(p) for p in tracked()}
    for path in tracked(".py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] == "tests" and len(parts) > 2:
            assert parts[1] in tops, f"{path} tests no folder of that name"
    for room in ROOMS:
        modules = [p for p in tracked(".py") if room_of(p) == room and p.name != "__init__.py"]
        assert not modules or list((ROOT / "tests" / room).glob("test_*.py")), f"{room} is untested"


def test_no_large_file_is_tracked() -> None:
    assert not [p for p in tracked() if p.stat().st_size > 3_000_000]


def test_notebooks_equal_their_sources() -> None:
    jupytext = pytest.importorskip("jupytext")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        source = notebook.with_suffix(".py")
        assert source.is_file(), f"{notebook} has no jupytext source"
        pairs = [[(c.cell_type, c.source) for c in jupytext.read(p).cells] for p in (notebook, source)]
        assert pairs[0] == pairs[1], f"run: jupytext --to ipynb --update {source}"
