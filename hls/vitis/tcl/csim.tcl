# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for vitis_hls 2024.x, tested against stubbed commands only.
# Runs the testbench on the C++ sources; its exit code decides.
source [file join [file dirname [file normalize [info script]]] common.tcl]
open_design
csim_design -clean
exit
