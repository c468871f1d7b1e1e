# SPDX-License-Identifier: Apache-2.0
# What the stubs of all tools share. stub::forms(NAME) is {flags, options with a value, least and most other
# arguments}; stub::do_NAME is what the command does, where it does anything.
# Environment: STUB_LOG the record, one Tcl list a call; STUB_FAIL a command that fails.

namespace eval stub {}

proc stub::need {condition text} {
    if {![uplevel 1 [list expr $condition]]} { error "stub: $text" }
}
proc stub::env {name default} { return [expr {[info exists ::env($name)] ? $::env($name) : $default}] }
proc stub::write {file text} {
    file mkdir [file dirname $file]
    set handle [open $file w]
    puts -nonewline $handle $text
    close $handle
}

# Split the arguments by the command's form, record them, call its action if there is one.
proc stub::call {name arguments} {
    variable forms
    lassign $forms($name) flags options least most
    set given {}
    set rest {}
    for {set i 0} {$i < [llength $arguments]} {incr i} {
        set word [lindex $arguments $i]
        if {$word in $flags} {
            dict set given $word 1
        } elseif {$word in $options} {
            need {$i + 1 < [llength $arguments]} "$name: $word has no value"
            dict lappend given $word [lindex $arguments [incr i]]
        } elseif {[regexp {^-[a-z]} $word]} {
            error "stub: $name has no option $word"
        } else {
            lappend rest $word
        }
    }
    need {[llength $rest] >= $least && [llength $rest] <= $most} "$name takes $least to $most arguments, not $rest"
    set log [open $::env(STUB_LOG) a]
    puts $log [list $name {*}$arguments]
    close $log
    if {[env STUB_FAIL ""] eq $name} { error "$name failed" }
    set action ::stub::do_[string map {:: _} $name]
    return [expr {[llength [info commands $action]] ? [$action $given $rest] : ""}]
}
proc stub::option {given name} { return [lindex [dict get $given $name] end] }
