# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for vitis_hls 2024.x, tested against stubbed commands only.
# Makes RTL of bat_top.
source [file join [file dirname [file normalize [info script]]] common.tcl]
open_design
csynth_design
exit
