# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for vitis_hls 2024.x, tested against stubbed commands only.
# Runs the testbench on the RTL; both the comparison and the testbench's exit code decide.
source [file join [file dirname [file normalize [info script]]] common.tcl]
need_synthesis
open_design
cosim_design -rtl verilog
exit
