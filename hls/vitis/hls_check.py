# SPDX-License-Identifier: Apache-2.0
"""Checks C++ sources for what Vitis HLS cannot synthesize: ``python -m batflow.hls.vitis.hls_check``.

No vendor tool is asked and none has confirmed a result (not run here): a source that passes breaks none of
the rules below, which follow UG1399. Under ``__SYNTHESIS__`` alone; what is behind ``#ifndef __SYNTHESIS__``
is free. Rules:

recursion, dynamic-memory, unbounded-loop, function-pointer, pointer-to-pointer, virtual, standard-library,
floating-point, exception (`hls_check_rules`); pragma-name, pragma-option (`hls_check_pragmas`); pragma-place,
pragma-variable, dataflow-form (`hls_check_places`); compile: clang refuses the source as C++14.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import FormatError, UserError

from .hls_check_clang import faults, parse, real
from .hls_check_places import pragma_findings
from .hls_check_rules import rule_findings
from .hls_sources import synthesizable_sources

TOP = "bat_top"


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: file, 1-based line, name of the rule, what to do."""

    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class SynthesisRuleError(UserError):
    """A source that Vitis HLS could not synthesize."""


def check_sources(sources: Sequence[Path], top: str = TOP) -> list[Finding]:
    """Return every fault of ``sources``, in order of file and line; empty when there is none.

    Headers that one of them includes are looked at only if they are among ``sources``. ``top`` is the
    name of the top function, where INTERFACE pragmas belong.

    Raises:
        FormatError: a source does not exist.
        MissingToolError: libclang, a C++ compiler's headers or the ap_int headers are absent.
    """
    missing = [str(path) for path in sources if not Path(path).is_file()]
    if missing:
        raise FormatError(f"{', '.join(missing)} does not exist; give C++ sources")
    files = frozenset(Path(path).resolve() for path in sources)
    found: set[Finding] = set()
    reached: set[Path] = set()
    for source in sorted(files, key=lambda path: (path.suffix != ".cpp", path)):
        if source in reached:
            continue
        tree = parse(source, files)
        reached |= {real(included.include.name) for included in tree.unit.get_includes()}
        found |= {Finding(path, line, "compile", text) for path, line, text in faults(tree)}
        found |= {Finding(*parts) for parts in (*rule_findings(tree), *pragma_findings(tree, top))}
    return sorted(found)


def require_synthesizable(sources: Sequence[Path], top: str = TOP) -> None:
    """Refuse sources that break a rule.

    Raises:
        SynthesisRuleError: with the first faults, one a line. Others: see :func:`check_sources`.
    """
    found = check_sources(sources, top)
    if found:
        raise SynthesisRuleError(
            f"{len(found)} faults that Vitis HLS would refuse or ignore; mend them:\n"
            + "\n".join(map(str, found[:20]))
        )


def main(arguments: list[str] | None = None) -> int:
    """Check the files given, or the kernels; print the faults, return how many (at most 125)."""
    parser = argparse.ArgumentParser(description="what Vitis HLS could not synthesize")
    parser.add_argument("files", nargs="*", type=Path, help="C++ sources; none: the synthesizable kernels")
    parser.add_argument("--top", default=TOP, help="name of the top function")
    given = parser.parse_args(arguments)
    sources = given.files or synthesizable_sources()
    found = check_sources(sources, given.top)
    sys.stdout.write("".join(f"{finding}\n" for finding in found) or f"{len(sources)} files: no fault\n")
    return min(len(found), 125)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as exc:
        sys.exit(f"error: {exc}")
