# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import FormatError, InputError
from batflow.overlays.board import BOARDS, board_names, load_board


def test_all_boards_load() -> None:
    assert board_names() == ["emulated", "kv260", "zcu102", "zcu104"]
    for name in board_names():
        board = load_board(name)
        assert board.name == name
        assert board.emulated == (name == "emulated")
        assert board.emulated or min(board.lut, board.ff, board.bram36, board.dsp) > 0


@pytest.mark.parametrize(
    ("asked", "divisor"),
    [(250.0, 6), (300.0, 5), (200.0, 8), (100.0, 15), (187.5, 8), (1500.0, 1), (1600.0, 1)],
)
def test_clock_is_never_above_the_asked_one(asked: float, divisor: int) -> None:
    found, clock = load_board("kv260").divide_clock(asked)
    assert found == divisor
    assert clock == 1500.0 / divisor <= asked


@pytest.mark.parametrize("asked", [1.0, 23.0])
def test_clock_out_of_range(asked: float) -> None:
    with pytest.raises(InputError, match=r"makes clocks from 23\.8 to 1500 MHz"):
        load_board("kv260").divide_clock(asked)


def test_board_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (BOARDS / "kv260.yaml").read_text()
    path.write_text(text.replace("name: kv260", "name: mine"))
    assert load_board(path).name == "mine"
    for change, error, words in [
        (("lut: 117120", "lut: -1"), InputError, "lut"),
        (("lut: 117120", "luts: 1"), InputError, "luts"),
        (("0xA0010000", "0xA0010004"), InputError, "accelerator_address"),
        (("0xA0010000", "0xA0000000"), InputError, "the same"),
        (("part: ", "part: ["), FormatError, "no readable YAML"),
    ]:
        path.write_text(text.replace(*change))
        with pytest.raises(error, match=words):
            load_board(path)
    path.write_text("- 1")
    with pytest.raises(FormatError, match="no mapping"):
        load_board(path)


def test_unknown_board() -> None:
    with pytest.raises(InputError, match="known: emulated, kv260"):
        load_board("pynq-z2")
