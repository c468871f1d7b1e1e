# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only.
# What all scripts share. An error that is not caught ends Vivado in batch mode with exit code 1, so
# every check below raises one.

# Older tools lack IP versions that the block design uses; newer ones have not been read about.
proc check_version {} {
    set found [version -short]
    if {![regexp {^(\d{4})\.(\d)} $found -> year minor]} {
        error "Vivado's version $found is not understood"
    }
    set number [expr {10 * $year + $minor}]
    if {$number < 20222 || $year > 2025} {
        error "Vivado $found: these scripts are written for 2022.2 to 2025.x"
    }
}

# Version of a catalogue IP differs between releases; take the newest that the tool has.
proc newest_ip {name} {
    set found [get_ipdefs -quiet -all "xilinx.com:*:$name:*"]
    if {[llength $found] == 0} { error "IP $name is not in the catalogue of Vivado [version -short]" }
    return [lindex [lsort -dictionary $found] end]
}

proc only {what objects} {
    if {[llength $objects] != 1} { error "$what: [llength $objects] found, not one" }
    return [lindex $objects 0]
}

proc finish_run {run} {
    wait_on_runs $run
    set object [only "run $run" [get_runs $run]]
    set progress [get_property PROGRESS $object]
    set status [get_property STATUS $object]
    # "Failed Timing!" is left to require_timing, which runs once the reports are there.
    if {$progress ne "100%" || [string match -nocase "*error*" $status]} {
        error "$run ended at $progress: $status"
    }
}

proc read_text {file} {
    set handle [open $file r]
    set text [read $handle]
    close $handle
    return $text
}

# The numbers under the heads WNS(ns), WHS(ns), WPWS(ns) of report_timing_summary, in order.
proc worst_slacks {file} {
    set lines [split [read_text $file] "\n"]
    set row [lsearch -regexp $lines {^\s*WNS\(ns\)}]
    if {$row < 0} { error "$file has no design timing summary" }
    set heads [regexp -all -inline {\S+\(ns\)|T\w*S \w+ Endpoints} [lindex $lines $row]]
    set values [lindex $lines [expr {$row + 2}]]
    set slacks {}
    foreach name {WNS WHS WPWS} {
        lappend slacks $name [lindex $values [lsearch -exact $heads "${name}(ns)"]]
    }
    return $slacks
}

# `which`: the slacks that must not be negative.
proc require_timing {file which} {
    set slacks [worst_slacks $file]
    puts "timing: $slacks"
    foreach name $which {
        set slack [dict get $slacks $name]
        if {![string is double -strict $slack]} { error "$file gives no $name: nothing is constrained" }
        if {$slack < 0} { error "timing is not met: $name is $slack ns, see $file" }
    }
}

proc write_reports {folder} {
    file mkdir $folder
    report_utilization -file [file join $folder utilization.rpt]
    report_utilization -hierarchical -file [file join $folder hierarchy.rpt]
    report_timing_summary -file [file join $folder timing.rpt]
}
