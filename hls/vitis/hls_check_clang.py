# SPDX-License-Identifier: Apache-2.0
"""The C++ under ``__SYNTHESIS__`` as libclang reads it: parsing, and the small questions the rules ask."""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batflow.errors import MissingToolError

from ..config import make_config
from ..csim_build import KERNELS, ap_types_folder, config_header, find_compiler
from .hls_sources import CONFIG_HEADER

STANDARD = "-std=c++14"
"""What Vitis HLS compiles by default."""
STAND_INS = Path(__file__).parent / "gxx"
"""Our own hls_stream.h and ap_axi_sdata.h, where the vendor's are not."""
_ENTRY = "hls_check_entry.cpp"
# The types keep their form for simulation; only what is checked takes the synthesis branch.
_DEFINE = "#define __SYNTHESIS__ 1\n"
_PREAMBLE = "#include <ap_axi_sdata.h>\n#include <ap_int.h>\n#include <hls_stream.h>\n" + _DEFINE


@dataclass(frozen=True)
class Tree:
    """A parsed source: libclang's translation unit, and ``files``, the real files that are checked."""

    unit: Any
    files: frozenset[Path]

    def own(self, cursor: Any) -> bool:
        """Whether ``cursor`` stands in a checked file."""
        return cursor.location.file is not None and real(cursor.location.file.name) in self.files

    def children(self) -> Iterator[Any]:
        """Top-level cursors of the checked files."""
        return (child for child in self.unit.cursor.get_children() if self.own(child))


@functools.lru_cache(maxsize=4096)
def real(name: str) -> Path:
    """A file name as libclang gives it, resolved."""
    return Path(name).resolve()


def clang_module() -> Any:
    """Return ``clang.cindex``.

    Raises:
        MissingToolError: the wheel libclang is not installed.
    """
    try:
        import clang.cindex
    except ImportError as exc:
        raise MissingToolError(
            "hls_check reads C++ with libclang; pip install libclang (batflow[dev])"
        ) from exc
    return clang.cindex


@functools.cache
def system_folders() -> tuple[str, ...]:
    """Include folders of the C++ compiler at hand, which libclang's wheel does not bring."""
    listing = subprocess.run(
        [find_compiler(), "-E", "-x", "c++", "-v", "-"], input="", capture_output=True, text=True, check=False
    ).stderr
    found = re.search(r"#include <\.\.\.> search starts here:\n(.*?)End of search list", listing, re.DOTALL)
    return tuple(line.strip() for line in found.group(1).splitlines()) if found else ()


def parse(source: Path, files: frozenset[Path]) -> Tree:
    """Parse ``source`` as synthesis sees it; cursors of ``files`` will be looked at.

    Raises:
        MissingToolError: libclang, the compiler's headers or the ap_int headers are absent.
    """
    cindex = clang_module()
    folders = [str(STAND_INS), str(ap_types_folder()), *system_folders()]
    arguments = ["-x", "c++", STANDARD, "-nostdinc", "-nostdinc++", "-ferror-limit=50", f"-I{KERNELS}"]
    arguments += [word for folder in folders for word in ("-isystem", folder)]
    entry = str(source.parent / _ENTRY)
    preamble = _PREAMBLE if "#include" in source.read_text(encoding="utf-8") else _DEFINE
    virtual = [
        (entry, f'{preamble}#include "{source}"\n'),
        (str(KERNELS / CONFIG_HEADER), config_header(make_config({}))),
    ]
    options = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
    unit = cindex.Index.create().parse(entry, arguments, virtual, options)
    return Tree(unit, files)


def faults(tree: Tree) -> Iterator[tuple[Path, int, str]]:
    """What clang itself refuses: file, line, message."""
    for found in tree.unit.diagnostics:
        if found.severity >= 3 and found.location.file is not None:
            yield real(found.location.file.name), found.location.line, found.spelling


def includes(tree: Tree) -> Iterator[tuple[Path, int, str]]:
    """``#include`` lines of the checked files that the preprocessor saw: file, line, name."""
    kind = clang_module().CursorKind.INCLUSION_DIRECTIVE
    for child in tree.children():
        if child.kind == kind:
            yield real(child.location.file.name), child.location.line, child.spelling


def skipped(tree: Tree, path: Path) -> list[tuple[int, int]]:
    """Byte ranges of ``path`` that the preprocessor left out."""
    cindex = clang_module()

    class RangeList(ctypes.Structure):
        _fields_ = (("count", ctypes.c_uint), ("ranges", ctypes.POINTER(cindex.SourceRange)))

    library = cindex.conf.lib
    get, dispose = library["clang_getSkippedRanges"], library["clang_disposeSourceRangeList"]
    get.argtypes, get.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.POINTER(RangeList)
    dispose.argtypes = [ctypes.POINTER(RangeList)]
    name = next((i.include.name for i in tree.unit.get_includes() if real(i.include.name) == path), None)
    if name is None:
        return []
    listing = get(tree.unit, cindex.File.from_name(tree.unit, name))
    if not listing:
        return []
    ranges = [listing.contents.ranges[i] for i in range(listing.contents.count)]
    found = [(r.start.offset, r.end.offset) for r in ranges]
    dispose(listing)
    return found


def walk(cursor: Any) -> Iterator[Any]:
    """``cursor`` and everything below it, in order."""
    yield cursor
    for child in cursor.get_children():
        yield from walk(child)
