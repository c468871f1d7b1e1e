# SPDX-License-Identifier: Apache-2.0
# Commands of vitis_hls that only check and record: name, options and order, after UG1399. A command or
# option that is not here is an error, and so is one that comes before what it needs.
# Environment: as in stub_core.tcl, and STUB_REPORTS a folder with csim.log, csynth.xml, cosim.rpt, export.rpt;
# STUB_PART the one part that the tool has.

namespace eval stub {
    variable forms
    variable state
    array set state {project {} top {} files {} solution 0 part 0 clock 0}
    array set forms {
        open_project {{-reset} {} 1 1}
        set_top {{} {} 1 1}
        add_files {{-tb} {-cflags -csimflags} 1 1}
        open_solution {{-reset} {-flow_target} 1 1}
        set_part {{} {} 1 1}
        create_clock {{} {-period -name} 0 0}
        config_interface {{-m_axi_addr64} {} 0 0}
        config_export {{} {-vendor -library -ipname -version -format -rtl} 0 0}
        csim_design {{-clean -O -setup} {-argv -ldflags} 0 0}
        csynth_design {{} {} 0 0}
        cosim_design {{-O} {-rtl -tool -trace_level -argv} 0 0}
        export_design {{} {-format -flow -rtl -output} 0 0}
    }
}
source [file join [file dirname [info script]] stub_core.tcl]

proc stub::do_open_project {given rest} {
    variable state
    need {$state(project) eq ""} "a project is open"
    set state(project) [lindex $rest 0]
    file mkdir $state(project)
}
proc stub::do_set_top {given rest} {
    variable state
    need {$state(project) ne ""} "set_top before open_project"
    set state(top) [lindex $rest 0]
}
# A list of files: a path with a space would be two.
proc stub::do_add_files {given rest} {
    variable state
    need {$state(project) ne "" && !$state(solution)} "add_files needs a project and comes before its solution"
    foreach name [lindex $rest 0] {
        need {[file isfile $name]} "no file $name"
        lappend state(files) [expr {[dict exists $given -tb] ? "tb" : "syn"}] $name
    }
}
proc stub::do_open_solution {given rest} {
    variable state
    need {$state(top) ne "" && [lsearch $state(files) syn] >= 0} "open_solution without a top or a source"
    need {[option $given -flow_target] in {vivado vitis}} "no such flow target"
    set state(solution) 1
    set state(folder) [file join $state(project) [lindex $rest 0]]
    file mkdir $state(folder)
}
proc stub::do_set_part {given rest} {
    variable state
    need {$state(solution)} "set_part before open_solution"
    need {$rest eq [env STUB_PART xczu9eg-ffvb1156-2-e]} "ERROR: part $rest is not installed"
    set state(part) 1
}
proc stub::do_create_clock {given rest} {
    variable state
    need {$state(solution) && [string is double -strict [option $given -period]]} "create_clock"
    set state(clock) 1
}
proc stub::ready {name} {
    variable state
    need {$state(part) && $state(clock)} "$name without a part or a clock"
}
proc stub::report {source target} {
    variable state
    set target [file join $state(folder) $target]
    file mkdir [file dirname $target]
    file copy -force [file join $::env(STUB_REPORTS) $source] $target
}
proc stub::do_csim_design {given rest} {
    variable state
    ready csim_design
    need {[lsearch $state(files) tb] >= 0} "csim_design without a testbench"
    report csim.log csim/report/$state(top)_csim.log
}
proc stub::do_csynth_design {given rest} {
    ready csynth_design
    report csynth.xml syn/report/csynth.xml
}
proc stub::synthesized {name} {
    variable state
    ready $name
    need {[file isfile [file join $state(folder) syn report csynth.xml]]} "$name before csynth_design"
}
proc stub::do_cosim_design {given rest} {
    variable state
    synthesized cosim_design
    report cosim.rpt sim/report/$state(top)_cosim.rpt
}
proc stub::do_export_design {given rest} {
    synthesized export_design
    need {[option $given -format] eq "ip_catalog" && [option $given -flow] in {syn impl}} "export_design"
    report export.rpt impl/report/verilog/export_[option $given -flow].rpt
}

foreach name [array names stub::forms] { proc ::$name args "stub::call $name \$args" }
