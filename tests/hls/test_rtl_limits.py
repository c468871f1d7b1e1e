# SPDX-License-Identifier: Apache-2.0
"""Configs and programs that the RTL refuses, told before anything is built."""

from __future__ import annotations

from typing import Any

import pytest

from batflow.errors import InputError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim_build import build_cosim
from batflow.hls.rtl_limits import matching_lanes, require_rtl, require_rtl_program, rtl_faults

from .programs import random_program

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "more lanes of LN": ({"ln_lanes": 16, "qu_lanes": 16}, "ln_lanes 16 is above vu_lanes 8"),
    "odd lanes": ({"vu_lanes": 6, "ln_lanes": 6}, "vu_lanes is 6: give a power of two"),
    "one lane": ({"ln_lanes": 1}, "ln_lanes is 1: give a power of two, 2 or more"),
    "odd lanes of QU": ({"qu_lanes": 12}, "qu_lanes is 12: give a power of two"),
    "more lanes of softmax": ({"softmax_lanes": 16}, "softmax_lanes 16 is above qu_lanes 8"),
    "more lanes of rows than QU has": ({"qu_lanes": 4, "softmax_lanes": 4}, "vu_lanes 8 is above qu_lanes 4"),
    "too many lanes of QU": ({"qu_lanes": 128, "qmm_outputs": 256}, "qu_lanes is 128: give 64 at most"),
    "more lanes than outputs": ({"qmm_outputs": 8}, "no multiple of weight_planes 2 times lanes 8"),
    "outputs": ({"qmm_outputs": 48}, "qmm_outputs is 48"),
    "few outputs": ({"qmm_outputs": 4, "weight_planes": 1}, "8 or more"),
    "simd": ({"qmm_simd_bits": 32}, "64, 128, 256 or 512"),
    "bus": ({"weight_bus_bits": 1024}, "give 512 at most"),
    "activation tokens": ({"activation_tokens": 3}, "activation_tokens 3 does not divide qmm_tokens 4"),
    "tokens of FFN": (
        {"activation_tokens": 2, "ffn_qmm_tokens": 5},
        "activation_tokens 2 does not divide ffn_qmm_tokens 5",
    ),
    "V channels": ({"v_channels": 16}, "v_channels is 16: give a power of two, 8 at most with 8 lanes"),
    "odd V channels": ({"v_channels": 3}, "v_channels is 3"),
    "V channels beyond lanes": (
        {"v_channels": 8, "vu_lanes": 4, "ln_lanes": 4, "softmax_lanes": 4},
        "v_channels is 8: give a power of two, 4 at most with 4 lanes",
    ),
    "small model": ({"max_hidden": 8}, "max_hidden 8 is not above lanes 8"),
}


def test_the_default_config_is_legal() -> None:
    assert rtl_faults(AcceleratorConfig()) == []
    assert rtl_faults(AcceleratorConfig(weight_planes=1, qmm_outputs=8)) == []


@pytest.mark.parametrize("case", BAD)
def test_a_refused_config_is_one_line_that_names_the_value(case: str) -> None:
    values, text = BAD[case]
    config = AcceleratorConfig(**values)
    with pytest.raises(InputError, match=text) as caught:
        require_rtl(config)
    assert "\n" not in str(caught.value)


def test_every_fault_is_told_before_a_build() -> None:
    config = AcceleratorConfig(qmm_outputs=48, weight_bus_bits=1024)
    with pytest.raises(InputError, match=r"qmm_outputs is 48.*weight_bus_bits is 1024"):
        build_cosim(config)


@pytest.mark.parametrize(
    ("hidden", "heads", "lanes"), [(384, 12, 8), (96, 6, 8), (48, 4, 4), (24, 3, 8), (36, 3, 4), (20, 2, 2)]
)
def test_lanes_that_go_into_a_program(hidden: int, heads: int, lanes: int) -> None:
    program = random_program(1, 1, hidden=hidden, heads=heads, ffn=64, max_len=4, vocab_size=20)
    assert matching_lanes(program) == lanes
    assert matching_lanes(program, 5) == min(lanes, 4)

    def config(count: int) -> AcceleratorConfig:
        return AcceleratorConfig(vu_lanes=count, ln_lanes=count, softmax_lanes=count)

    require_rtl_program(config(lanes), program)
    if lanes < 8:
        with pytest.raises(InputError, match=f"build a config with {lanes}"):
            require_rtl_program(config(2 * lanes), program)
