# SPDX-License-Identifier: Apache-2.0
"""The accelerator as one object: text or token ids in, label and integer logits out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import overload

import numpy as np

from batflow.errors import EngineError, InputError

from .bundle import Bundle, open_bundle
from .classifier import classify
from .devices import open_device
from .embedding import Ids, embed
from .link import Link
from .program import Int16
from .result import Latency, Result
from .text import Encoding, Tokenizer

BATCH = 64
"""Sequences in one run at most; a longer batch becomes several runs."""
COUNTERS = (
    "CYCLES_TOTAL",
    "CYCLES_MHA_BUSY",
    "CYCLES_FFN_BUSY",
    "CYCLES_QMM_BUSY",
    "CYCLES_WEIGHT_WAIT",
    "CYCLES_INPUT_WAIT",
    "STALL_SOFTMAX",
    "STALL_LN",
    "SATURATIONS",
    "CYCLES_MHA_QMM",
    "CYCLES_FFN_QMM",
)


class Accelerator:
    """An opened bundle on a device; use it in a ``with``, or close it.

    ``bundle`` is a folder, a zip or an open bundle; ``device`` auto, emulated or board;
    ``timeout_s`` bounds every wait, in seconds.

    Raises:
        FormatError: the bundle is not whole.
        MissingToolError: no pynq, or no board where one was asked for.
        EngineError: bundle and device do not fit, or the engine is not the bundle's.
    """

    def __init__(self, bundle: Bundle | Path | str, device: str = "auto", timeout_s: float = 60.0) -> None:
        if not timeout_s > 0:
            raise InputError(f"timeout_s is {timeout_s}; give seconds above 0")
        owned = not isinstance(bundle, Bundle)
        self.bundle = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
        self._owned = owned
        try:
            self.device_kind, opened = open_device(device)
            self._check_kind()
            self.tokenizer = Tokenizer(self.bundle.program.vocab, self.bundle.program.lower_case)
            self._link = Link(self.bundle, opened, timeout_s)
        except BaseException:
            if owned:
                self.bundle.close()
            raise
        self._next_tag = 0

    def _check_kind(self) -> None:
        kind = self.bundle.manifest.kind
        if (kind == "board") != (self.device_kind == "board"):
            raise EngineError(
                f"a {kind} bundle does not run on the {self.device_kind} device; "
                f"choose device={'board' if kind == 'board' else 'emulated'!r} or build another bundle"
            )

    @overload
    def infer(  # type: ignore[overload-overlap]
        self, given: str | Ids, pair: str | None = None
    ) -> Result: ...
    @overload
    def infer(self, given: Sequence[str], pair: None = None) -> list[Result]: ...

    def infer(self, given: str | Ids | Sequence[str], pair: str | None = None) -> Result | list[Result]:
        """Infer one text (with its ``pair``), one row of token ids, or a list of texts.

        Raises:
            InputError: empty, too long, or ids outside the vocabulary; nothing was started.
            EngineError: a fault or timeout of the engine; reset() makes it usable again.
        """
        if isinstance(given, str):
            return self._infer([self._encode(given, pair)], time.perf_counter())[0]
        if pair is not None:
            raise InputError("a pair goes with one text; give infer(text, pair)")
        if isinstance(given, Sequence) and given and all(isinstance(item, str) for item in given):
            return self.infer_batch([str(text) for text in given])
        return self.infer_batch([given])[0]  # type: ignore[list-item]

    def infer_batch(self, given: Sequence[str | tuple[str, str] | Ids]) -> list[Result]:
        """Infer texts, text pairs or rows of token ids, in runs of :data:`BATCH`; order is kept.

        Raises:
            InputError: as :meth:`infer`, or an empty list.
            EngineError: as :meth:`infer`.
        """
        began = time.perf_counter()
        if not len(given):
            raise InputError("the batch is empty; give at least one text or row of token ids")
        encodings = [self._encode_item(item) for item in given]
        results: list[Result] = []
        for at in range(0, len(encodings), BATCH):
            results += self._infer(encodings[at : at + BATCH], began if at == 0 else time.perf_counter())
        return results

    def _encode_item(self, item: str | tuple[str, str] | Ids) -> Encoding:
        if isinstance(item, str):
            return self._encode(item, None)
        if isinstance(item, tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
            return self._encode(str(item[0]), str(item[1]))
        ids = np.asarray(item)
        if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
            raise InputError(
                f"token ids must be one row of integers with 1 to {self.bundle.program.max_len} of them; "
                f"got {ids.dtype} of shape {ids.shape}"
            )
        row = tuple(int(value) for value in ids)
        return Encoding(row, (0,) * len(row), row.count(self.tokenizer.unk), 0)

    def _encode(self, text: str, pair: str | None) -> Encoding:
        return self.tokenizer.encode(text, pair, self.bundle.program.max_len)

    def _infer(self, encodings: Sequence[Encoding], began: float) -> list[Result]:
        rows = [embed(self.bundle.program, e.ids, e.types) for e in encodings]
        tags = [(self._next_tag + i) & 0xFFFFFFFF for i in range(len(rows))]
        self._next_tag = (self._next_tag + len(rows)) & 0xFFFFFFFF
        before_us = (time.perf_counter() - began) * 1e6
        found, seconds = self._link.finish(self._link.start(list(zip(tags, rows, strict=True))))
        return self._results(encodings, tags, found, seconds * 1e6, before_us, began)

    def _results(
        self,
        encodings: Sequence[Encoding],
        tags: Sequence[int],
        found: dict[int, Int16],
        dma_us: float,
        before_us: float,
        began: float,
    ) -> list[Result]:
        after = time.perf_counter()
        program = self.bundle.program
        logits = [classify(program, found[tag]) for tag in tags]
        counters = {name: self._link.registers.read(name) for name in COUNTERS}
        now = time.perf_counter()
        latency = Latency(
            cycles=counters["CYCLES_TOTAL"],
            cycles_source=self.bundle.manifest.cycles_source,
            clock_mhz=self._link.clock_mhz,
            dma_us=dma_us,
            host_us=before_us + (now - after) * 1e6,
            wall_us=(now - began) * 1e6,
        )
        return [
            Result(
                label=program.labels[int(np.argmax(row))],
                logits=row,
                tag=tag,
                tokens=len(encoding.ids),
                batch=len(tags),
                unknown=encoding.unknown,
                counters=counters,
                latency=latency,
            )
            for encoding, tag, row in zip(encodings, tags, logits, strict=True)
        ]

    def encode_stream(self, rows: Sequence[Int16]) -> list[Int16]:
        """Run the encoder alone over embedded rows h int16 [l, d]; returns the final h of each.

        Raises:
            EngineError: as :meth:`infer`.
        """
        answers: list[Int16] = []
        for at in range(0, len(rows), BATCH):
            part = list(enumerate(rows[at : at + BATCH]))
            found, _ = self._link.finish(self._link.start(part))
            answers += [found[tag] for tag, _ in part]
        return answers

    def self_test(self) -> dict[str, str]:
        """Check clock, equal answers alone and in a batch, and that a wrong hash is refused.

        Returns what was seen by name of the check.

        Raises:
            EngineError: a check failed; the message names it.
        """
        from .selftest import self_test

        return self_test(self, self._link)

    def reset(self) -> None:
        """Drop a run, empty streams and DMA; usable again without loading the overlay.

        Raises:
            EngineError: no answer within the timeout.
        """
        self._link.reset()

    def registers(self) -> dict[str, int]:
        """Every register's value by name; reading clears AP_DONE."""
        return self._link.registers.snapshot()

    @property
    def link(self) -> Link:
        """The layer below: runs in flight, DMA, single registers."""
        return self._link

    def close(self) -> None:
        """Give buffers and an unpacked zip back; harmless when called again."""
        self._link.close()
        if self._owned:
            self.bundle.close()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
