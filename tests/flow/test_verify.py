# SPDX-License-Identifier: Apache-2.0
"""The ladder's frame, on fake engines: equality, every place of a fault, refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.flow.verify import Int64, Sentence, climb, locate, tap_order, unit_of

from .fakes import ALL_TAPS, LAYERS, FakeEngine, bump, sentences


def test_equal_engines_have_no_mismatch() -> None:
    engines = [FakeEngine(name) for name in ("deploy", "qonnx", "reference", "csim", "overlay")]
    record = climb(engines, sentences(120), LAYERS).as_json()
    assert record["n"] == 120 and record["mismatches"] == 0 and record["first_mismatch"] is None
    assert record["per_engine"] == dict.fromkeys(("qonnx", "reference", "csim", "overlay"), 0)
    json.dumps(record)


@pytest.mark.parametrize("tap", ["embed", *ALL_TAPS, "pooled", "logits"])
def test_a_fault_is_located_where_it_arises(tap: str) -> None:
    """Later taps differ too; the report must name the first, or it sends the reader astray."""
    result = climb([FakeEngine("deploy"), FakeEngine("csim", bump(tap, 1))], sentences(3), LAYERS)
    found = result.first_mismatch
    assert found is not None and result.per_engine["csim"] == 3
    assert (found.tap, found.layer, found.unit) == (tap, *unit_of(tap))
    assert found.values[1] - found.values[0] == 1 and found.sentence == 0 and found.engine == "csim"


def test_only_the_wrong_sentences_count() -> None:
    data = sentences(60)
    odd = {data[7].ids, data[53].ids}

    class Sometimes(FakeEngine):
        def taps(self, sentence: Sentence) -> dict[str, Int64]:
            broken = FakeEngine("x", bump("L1.probs"))
            return (broken if sentence.ids in odd else FakeEngine("x")).taps(sentence)

    result = climb([FakeEngine("deploy"), FakeEngine("good"), Sometimes("bad")], data, LAYERS)
    assert result.per_engine == {"good": 0, "bad": 2} and result.mismatches == 2
    assert result.first_mismatch is not None and result.first_mismatch.sentence == 7


def test_a_slow_engine_answers_the_first_sentences_alone() -> None:
    asked: list[int] = []

    class Slow(FakeEngine):
        def logits(self, sentences: Sequence[Sentence]) -> Int64:
            asked.append(len(sentences))
            return super().logits(sentences)

    engines = [FakeEngine("deploy"), Slow("rtl", bump("L0.attn_out")), FakeEngine("csim")]
    result = climb(engines, sentences(60), LAYERS, samples={"rtl": 3, "absent": 2})
    assert asked == [3] and result.per_engine == {"rtl": 3, "csim": 0} and result.samples == {"rtl": 3}
    assert result.first_mismatch is not None and result.first_mismatch.tap == "L0.attn_out"
    assert climb(engines, sentences(2), LAYERS, samples={"rtl": 3}).samples == {"rtl": 2}


def test_an_engine_without_taps_is_still_caught() -> None:
    class Silent(FakeEngine):
        def taps(self, sentence: Sentence) -> dict[str, Int64]:
            return {}

        def logits(self, sentences: Sequence[Sentence]) -> Int64:
            return FakeEngine("inner", self.fault).logits(sentences)

    result = climb([FakeEngine("deploy"), Silent("board", bump("L0.q"))], sentences(2), LAYERS)
    assert result.first_mismatch is not None and result.first_mismatch.tap == "logits"


def test_a_tap_of_another_shape_is_a_difference() -> None:
    left = {"L0.q": np.zeros((2, 4), np.int64)}
    assert locate(left, {"L0.q": np.zeros((2, 3), np.int64)}, LAYERS) == ("L0.q", (2, 4), (8, 6))
    assert locate(left, {"L0.q": np.zeros((2, 4), np.int64)}, LAYERS) is None


def test_refusals() -> None:
    class Short(FakeEngine):
        def logits(self, sentences: object) -> Int64:
            return np.zeros((1, 3), np.int64)

    with pytest.raises(InputError, match="two engines"):
        climb([FakeEngine("one")], sentences(1), LAYERS)
    with pytest.raises(InputError, match="different names"):
        climb([FakeEngine("one"), FakeEngine("one")], sentences(1), LAYERS)
    with pytest.raises(InputError, match="sentence"):
        climb([FakeEngine("one"), FakeEngine("two")], [], LAYERS)
    with pytest.raises(EngineError, match="short"):
        climb([FakeEngine("one"), Short("short")], sentences(2), LAYERS)


def test_order_and_units_cover_the_contract() -> None:
    order = tap_order(1)
    assert order[0] == "embed" and order[-2:] == ["pooled", "logits"] and len(order) == 15
    assert unit_of("L3.ffn_sum") == (3, "ffn.vu") and unit_of("embed") == (None, "host.embed")
