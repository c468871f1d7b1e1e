# SPDX-License-Identifier: Apache-2.0
"""hls/vitis/hls_check_table.py: every form of every pragma is taken, and each near miss is told."""

from __future__ import annotations

import re

import pytest

from batflow.hls.vitis.hls_check_pragmas import Pragma, pragma_faults
from batflow.hls.vitis.hls_check_table import FORMS, INTERFACES, REPLACED, REPLACED_OPTIONS, STORAGE

TAKEN = """
aggregate variable = a
AGGREGATE variable=a compact=bit
aggregate variable = a byte
alias ports = a, b distance = (1 << 20)
alias ports=a,b,c offset=0,16,32
allocation function instances = f limit = 1
allocation type = operation instances = mul limit = N
array_partition variable = a
array_partition variable = a complete dim = 0
array_partition variable = a.b type = cyclic factor = 2 dim = 1
array_partition variable = a block factor = (N + 1)
array_partition variable = a dim = 2 off = true
array_partition variable = a complete off = false
array_reshape variable = a, b cyclic factor = 4 dim = 2
array_reshape variable = a object
array_reshape variable = a off
array_stencil variable = a
array_stencil variable = a off
bind_op variable = a op = mul impl = dsp latency = 2
bind_op variable = a op = fadd impl = fulldsp
bind_op variable = a op = dsqrt
bind_storage variable = a type = FIFO impl = SRL
bind_storage variable = a type = ram_1p
bind_storage variable = a type = rom_np impl = lutram latency = 2
cache port = a lines = 8 depth = 128
cache port = a ports = 3 l2_lines = 16
dataflow
dataflow disable_start_propagation
dependence variable = a inter false
dependence class = array type = intra direction = RAW dependent = true distance = 3
dependence pointer WAW
disaggregate variable = a
expression_balance
expression_balance off
function_instantiate variable = a
inline
inline off = true
inline recursive
interface mode = m_axi port = a bundle = g depth = N offset = direct name = x channel = 1
interface m_axi port = a num_read_outstanding = 4 num_write_outstanding = 4 latency = 64
interface m_axi port = a max_read_burst_length = 16 max_write_burst_length = 16 max_widen_bitwidth = 512
interface s_axilite port = return
interface s_axilite port = a offset = 0x10 bundle = c clock = k storage_impl = bram register
interface axis port = a depth = 4 register_mode = forward
interface axis register both port = a
interface ap_memory port = a storage_type = ram_1p latency = 3 depth = 8
interface bram port = a storage_type = RAM_T2P
interface ap_fifo port = a register depth = 2
interface ap_none port = a direct_io = true name = b
interface ap_ack port = a register
interface ap_ovld port = a
interface ap_vld port = a interrupt = 16
interface mode = ap_hs port = a, b interrupt = 17 direct_io = false
interface ap_ctrl_chain port = return
interface ap_ctrl_hs port = return name = block
interface ap_ctrl_none port=return
latency min = 1
latency max = 4
loop_flatten
loop_flatten off
loop_merge
loop_merge force
loop_tripcount min = 1 max = N avg = 2
occurrence cycle = 4
occurrence off
performance target_ti = 1000 unit = cycle
performance target_ti = 16.7ms
performance target_tl = 2 unit = sec
pipeline
PIPELINE II = 1 style = frp
pipeline off
pipeline rewind
pipeline rewind = false style = frp
pipeline style=stp rewind=true
protocol
protocol fixed
protocol mode = floating
reset variable = a
reset variable = a off
stable variable = a
stable variable = a off
stream variable = a depth = 4 type = fifo
stream variable = a type = unsync
top name = other
unroll
unroll factor = 4 skip_exit_check
unroll off = true
if (N == 1) pipeline II = 1
if ((N > 1) && (M < f(2))) array_partition variable = a block factor = N
"""
MISSES = """
agregate variable = a | agregate is unknown and would be ignored; did you mean aggregate
aggregate variable = a compact = bits | compact cannot be bits; did you mean bit
aggregate compact = bit | needs variable =
alias ports = a,b | needs distance = or offset =; it would be ignored
alias ports = a,b distance = 1 offset = 0,1 | distance and offset exclude each other
alias ports = a,b,c offset = 0,16 | 3 ports have 2 offsets
alias port = a distance = 1 | has no option port; did you mean ports
allocation instances = f limit = 1 function | type must stand before instances
allocation core instances = f limit = 1 | has no option core
allocation function instances = f | needs limit =
array_partition variable = a block | type = block needs factor =
array_partition variable = a factor = 2 | factor counts for nothing with type = complete
array_partition variable = a off factor = 2 | off and factor exclude each other
array_partition variable = a cyclic type = block factor = 2 | has type twice
array_partition variable = a dynamic | has no option dynamic
array_reshape variable = a cyclic dim = 1 | type = cyclic needs factor =
array_reshape variable = a off = 2 | off cannot be 2
array_stencil off | needs variable =
bind_op variable = a op = mult | op cannot be mult; did you mean mul
bind_op variable = a op = add impl = fulldsp | op = add is of integers and cannot have impl = fulldsp
bind_op variable = a op = fadd impl = lut | impl cannot be lut
bind_storage variable = a | needs type =
bind_storage variable = a type = ram_t2p impl = lutram | type = ram_t2p cannot have impl = lutram
bind_storage variable = a type = fifo impl = auto | type = fifo cannot have impl = auto
bind_storage variable = a type = ram2p | type cannot be ram2p; did you mean ram_2p
cache lines = 8 | needs port =
cache port = a ways = 2 | has no option ways
cache port = a l2_lines = 2 | l2_lines is of a cache with several ports
dataflow interval = 1 | interval is no longer taken; leave it out
dataflow disable_start | has no option disable_start
dependence variable = a array | class and variable exclude each other
dependence variable = a inner | has no option inner; did you mean inter
dependence variable = a direction = rwa | direction cannot be rwa
disaggregate a | has no option a
expression_balance on | has no option on
function_instantiate | needs variable =
inline region | region is no longer taken; write inline in each function
inline recursiv | has no option recursiv; did you mean recursive
interface port = a | needs mode =
interface axi port = a | has no option axi
interface mode = ap_bus port = a | ap_bus is no longer taken; write m_axi
interface ap_stable port = a | ap_stable is no longer taken; write ap_none, and a stable pragma
interface m_axi axis port = a | has mode twice
interface m_axi port = a offset = 0x10 | offset cannot be 0x10; known: slave, direct, off
interface port = a offset = slave m_axi | mode must stand before offset
interface m_axi port = a register | has no option register
interface s_axilite port = a depth = 4 | has no option depth
interface axis port = a bundle = g | has no option bundle
interface axis port = a register_mode = all | register_mode cannot be all
interface ap_memory port = a storage_type = ram | storage_type cannot be ram
interface ap_fifo port = a direct_io = true | has no option direct_io
interface ap_none port = a interrupt = 16 | has no option interrupt
interface ap_ctrl_hs port = a | port cannot be a
interface ap_ctrl_none port = return bundle = g | has no option bundle
latency | needs min = or max =; it would be ignored
latency avg = 3 | has no option avg
loop_flatten force | has no option force
loop_merge off | has no option off
loop_tripcount min = 1 | needs max =
occurrence cycle = 4 off | off and cycle exclude each other
occurrence cycles = 4 | has no option cycles; did you mean cycle
performance unit = cycle | needs target_ti = or target_tl =
performance target_ti = 4 unit = ms | unit cannot be ms
performance target_ti = 4 assume_ti = 2 | has no option assume_ti
pipeline II | ii has no value; write ii =
pipeline II = 1 enable_flush | enable_flush is no longer taken; write style = flp
pipeline style = flush | style cannot be flush
pipeline rewind style = frp | rewind and style = frp exclude each other
protocol float | has no option float; did you mean floating
reset off | needs variable =
stable variable = a on | has no option on
stream variable = a off | off is no longer taken; write type = pipo
stream variable = a dim = 1 | dim is no longer taken; leave it out
stream variable = a type = pipe | type cannot be pipe; did you mean pipo
top | needs name =
unroll partial factor = 2 | partial is no longer taken; write factor =
unroll off factor = 2 | off and factor exclude each other
unroll skip_exit_check | skip_exit_check is for partial unrolling; add factor =
data_pack variable = a | data_pack is no longer taken; write aggregate
resource variable = a core = RAM_1P | resource is no longer taken; write bind_op or bind_storage
array_map variable = a horizontal | array_map is no longer taken; join the arrays in the source
shared variable = a | shared is no longer taken; write stream with type = shared
if (N == 1) pipelin II = 1 | pipelin is unknown and would be ignored; did you mean pipeline
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def parse(line: str) -> Pragma:
    return Pragma(1, 0, f"HLS {line}")


@pytest.mark.parametrize("line", lines(TAKEN))
def test_documented_form_is_taken(line: str) -> None:
    assert pragma_faults(parse(line)) == []


@pytest.mark.parametrize("line", lines(MISSES))
def test_near_miss_is_told(line: str) -> None:
    words, _, message = line.partition(" | ")
    name = parse(words).name
    faults = pragma_faults(parse(words))
    assert any(message in text for _, text in faults)
    assert {rule for rule, _ in faults} == {"pragma-option" if name in FORMS else "pragma-name"}
    assert all(text.startswith(f"#pragma HLS {name}") for _, text in faults)


def test_each_option_of_the_table_is_in_both_lists() -> None:
    for taken in (True, False):
        names = {parse(line.partition(" | ")[0]).name for line in lines(TAKEN if taken else MISSES)}
        assert names >= set(FORMS)
    given: dict[str, set[str]] = {}
    for line in lines(TAKEN):
        given.setdefault(parse(line).name, set()).update(re.findall(r"\w+", line.lower()))
    for name, form in FORMS.items():
        assert given[name] >= {*form.values, *form.flags} - set(form.bare)
    assert given["interface"] >= set(INTERFACES)


def test_each_value_of_an_option_is_taken_alone() -> None:
    for form in (*FORMS.items(), *(("interface", form) for form in INTERFACES.values())):
        name, row = form
        for option, words in row.values.items():
            for word in words:
                texts = [text for _, text in pragma_faults(parse(f"{name} {option} = {word.upper()}"))]
                assert not any("cannot be" in text or "no option" in text for text in texts), texts
        assert pragma_faults(parse(f"{name} nonsense = 1"))


def test_storage_and_replacements_name_what_exists() -> None:
    assert set(STORAGE) == set(FORMS["bind_storage"].values["type"])
    assert not set(REPLACED) & set(FORMS)
    for name, word in REPLACED_OPTIONS:
        assert word not in {*FORMS[name].values, *FORMS[name].flags, *FORMS[name].values.get("mode", ())}
    for name in REPLACED:
        assert [rule for rule, _ in pragma_faults(parse(name))] == ["pragma-name"]


def test_prefixes_of_vivado_hls_are_told() -> None:
    assert pragma_faults(Pragma(1, 0, "AP pipeline")) == [
        ("pragma-name", "#pragma AP is of Vivado HLS; write #pragma HLS")
    ]
    assert pragma_faults(Pragma(1, 0, "once")) == []
