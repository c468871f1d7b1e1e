# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only.
# Synthesizes bat_accelerator alone, out of context, and writes its utilization and timing. Delays after
# synthesis are estimates of routing; only setup is judged.
set here [file dirname [file normalize [info script]]]
source [file join $here common.tcl]
source [file join $here settings.tcl]
check_version

create_project -in_memory -part $part
foreach name $rtl { read_verilog -sv [list [file join $here $name]] }
read_xdc -mode out_of_context [list [file join $here clock.xdc]]
set generics {}
foreach {name value} $parameters { lappend generics -generic $name=$value }
synth_design -top $accelerator -part $part -mode out_of_context {*}$generics
write_reports [file join $here reports_ooc]
require_timing [file join $here reports_ooc timing.rpt] {WNS}
