# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for vitis_hls 2024.x, tested against stubbed commands only.
# Packages the IP, and has Vivado synthesize it for its report.
source [file join [file dirname [file normalize [info script]]] common.tcl]
need_synthesis
open_design
export_design -format ip_catalog -flow syn -rtl verilog
exit
