# SPDX-License-Identifier: Apache-2.0
# Actions of the stubbed commands for block designs and for packaging an IP (vivado_stubs.tcl). A block
# design is kept as its cells, their settings, and the pins that are joined.

# Block design.
proc stub::do_create_bd_design {given rest} {
    variable state
    need {$state(project)} "create_bd_design before create_project"
    set state(design) 1
}
proc stub::do_create_bd_cell {given rest} {
    variable state
    variable ips
    set ip [lindex [split [option $given -vlnv] :] 2]
    need {$state(design) && [dict exists $ips $ip]} "create_bd_cell of $ip"
    need {([option $given -type] eq "inline_hdl") == ($ip eq "ilconcat")} "$ip is another type of cell"
    dict set state(cells) $rest [dict create ip $ip config {}]
    return cell:$rest
}
proc stub::count {cell name} {
    variable state
    set config [dict get $state(cells) $cell config]
    return [expr {[dict exists $config $name] ? [dict get $config $name] : 1}]
}
# Names of a cell's interfaces (0), inputs (1) or outputs (2), as it is configured.
proc stub::names {cell which} {
    variable state
    variable ips
    set ip [dict get $state(cells) $cell ip]
    set found [lindex [dict get $ips $ip] $which]
    if {$ip eq "smartconnect" && $which == 0} {
        for {set i 0} {$i < [count $cell NUM_SI]} {incr i} { lappend found [format S%02d_AXI $i] }
        for {set i 0} {$i < [count $cell NUM_MI]} {incr i} { lappend found [format M%02d_AXI $i] }
    } elseif {[string match *concat $ip] && $which == 1} {
        for {set i 0} {$i < [count $cell NUM_PORTS]} {incr i} { lappend found In$i }
    }
    return $found
}
proc stub::find {kind path places} {
    variable state
    lassign [split $path /] cell name
    if {![dict exists $state(cells) $cell]} { return "" }
    foreach which $places { if {$name in [names $cell $which]} { return $kind:$path } }
}
proc stub::do_get_bd_pins {given rest} { return [find pin [lindex $rest 0] {1 2}] }
proc stub::do_get_bd_intf_pins {given rest} { return [find interface [lindex $rest 0] {0}] }
proc stub::do_connect_bd_net {given rest} {
    variable state
    lassign $rest source sink
    need {$sink ni $state(joined)} "$sink is driven twice"
    lappend state(joined) $sink
}
proc stub::do_connect_bd_intf_net {given rest} {
    variable state
    foreach object $rest {
        need {$object ni $state(joined)} "$object is connected twice"
        lappend state(joined) $object
    }
}
proc stub::do_get_bd_addr_spaces {given rest} { return space:$rest }
proc stub::do_get_bd_addr_segs {given rest} { return segment:$rest }
proc stub::do_validate_bd_design {given rest} {
    variable state
    foreach cell [dict keys $state(cells)] {
        foreach {which kind} {0 interface 1 pin} {
            foreach name [names $cell $which] {
                need {"$kind:$cell/$name" in $state(joined)} "$cell/$name is not connected"
            }
        }
    }
    set state(valid) 1
}
proc stub::do_make_wrapper {given rest} {
    variable state
    need {$state(valid)} "make_wrapper before validate_bd_design"
    set file [file join $::env(STUB_WORK) batflow_wrapper.v]
    write $file ""
    return $file
}
proc stub::do_generate_target {given rest} {
    variable state
    need {$state(valid)} "generate_target before validate_bd_design"
    write [file join $::env(STUB_WORK) batflow.gen sources_1 bd batflow hw_handoff batflow.hwh] "<EDKSYSTEM/>"
    set state(generated) 1
}

# IP packager. Interrupts are not inferred by the packager here, so that the script has to ask for it.
proc stub::do_ipx_package_project {given rest} {
    variable state
    need {$state(top) ne ""} "package_project without a top"
    set state(root) [option $given -root_dir]
    set state(core) 1
    set handle [open [lsearch -inline $state(files) */$state(top).v] r]
    set text [read $handle]
    close $handle
    set names [regexp -all -inline -line {\w+(?=_(?:tvalid|arvalid)(?:,?)$)} $text]
    set state(buses) [list ap_clk ap_rst_n {*}$names]
}
proc stub::do_ipx_current_core {given rest} {
    variable state
    need {$state(core)} "there is no core"
    return core:1
}
proc stub::do_ipx_get_bus_interfaces {given rest} {
    variable state
    return [expr {[lindex $rest 0] in $state(buses) ? "bus:[lindex $rest 0]" : ""}]
}
proc stub::do_ipx_infer_bus_interface {given rest} {
    variable state
    lappend state(buses) [lindex $rest 0]
}
proc stub::do_ipx_associate_bus_interfaces {given rest} {
    variable state
    foreach name {-busif -clock} { need {[option $given $name] in $state(buses)} "no bus [option $given $name]" }
}
proc stub::do_ipx_add_bus_parameter {given rest} {
    need {[llength [lindex $rest 1]]} "a parameter of no bus"
    return parameter:[lindex $rest 1]/[lindex $rest 0]
}
proc stub::do_ipx_add_address_space {given rest} { return space:[lindex $rest 0] }
proc stub::do_ipx_add_memory_map {given rest} { return map:[lindex $rest 0] }
proc stub::do_ipx_get_address_blocks {given rest} { return block:inferred }
proc stub::do_ipx_add_address_block {given rest} { return block:[lindex $rest 0] }
proc stub::do_ipx_add_register {given rest} { return register:[lindex $rest 0] }
proc stub::do_ipx_add_field {given rest} { return field:[lindex $rest 0] }
proc stub::do_ipx_save_core {given rest} {
    variable state
    write [file join $state(root) component.xml] "<spirit:component/>"
}
