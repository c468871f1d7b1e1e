# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only.
# From the packaged IP to out/batflow.bit and out/batflow.hwh. The bitstream is written last, and only
# when timing is met. Needs ip/ of package_ip.tcl. The environment's JOBS sets parallel runs.
set here [file dirname [file normalize [info script]]]
source [file join $here common.tcl]
source [file join $here settings.tcl]
source [file join $here block_design.tcl]
check_version
set jobs [expr {[info exists ::env(JOBS)] ? $::env(JOBS) : 2}]
set out [file join $here out]
set work [file join $here work]

if {![file exists [file join $here ip component.xml]]} { error "ip/component.xml is missing; run package_ip.tcl" }
file delete -force $out $work
create_project batflow $work -part $part -force
set board_part [newest_board_part]
if {$board_part eq ""} {
    puts "WARNING: no board files for $board; the processing system keeps its default DDR settings"
} else {
    set_property board_part $board_part [current_project]
}
set_property ip_repo_paths [list [file join $here ip]] [current_project]
update_ip_catalog

create_design $board_part
set design [only "block design" [get_files batflow.bd]]
set wrapper [make_wrapper -files $design -top]
add_files -norecurse -fileset sources_1 [list $wrapper]
set_property top batflow_wrapper [get_filesets sources_1]
update_compile_order -fileset sources_1
generate_target all $design

launch_runs synth_1 -jobs $jobs
finish_run synth_1
launch_runs impl_1 -jobs $jobs
finish_run impl_1

open_run impl_1
write_reports [file join $here reports]
require_timing [file join $here reports timing.rpt] {WNS WHS WPWS}
file mkdir $out
set handoff [file join $work batflow.gen sources_1 bd batflow hw_handoff batflow.hwh]
file copy -force $handoff [file join $out batflow.hwh]
write_bitstream -force [file join $out batflow.bit]
