# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only.
# Packages bat_top as an IP in ip/: interfaces, clock and reset, registers. Vivado writes component.xml.
set here [file dirname [file normalize [info script]]]
source [file join $here common.tcl]
source [file join $here settings.tcl]
check_version

proc bus {name} { return [ipx::get_bus_interfaces -quiet $name -of_objects [ipx::current_core]] }

proc set_parameter {bus_name name value} {
    set parameter [ipx::get_bus_parameters -quiet $name -of_objects [bus $bus_name]]
    if {[llength $parameter] == 0} { set parameter [ipx::add_bus_parameter $name [bus $bus_name]] }
    set_property value $value $parameter
}

file delete -force [file join $here ip] [file join $here work_ip]
create_project batflow_ip [file join $here work_ip] -part $part -force
set files {}
foreach name $sources { lappend files [file join $here $name] }
add_files -norecurse -fileset sources_1 $files
set_property file_type SystemVerilog [get_files -filter {NAME =~ *.sv}]
set_property top $top [get_filesets sources_1]
update_compile_order -fileset sources_1

lassign [split $vlnv ":"] vendor library name version
ipx::package_project -root_dir [file join $here ip] -vendor $vendor -library $library -taxonomy /UserIP \
    -import_files -force
set core [ipx::current_core]
set_property -dict [list vendor $vendor library $library name $name version $version \
    display_name "BAT accelerator" description "Binarized Transformer encoder, config $config_hash" \
    supported_families {zynquplus Production} core_revision 1] $core

# The packager infers interfaces from port names; what it left out is inferred by name here.
foreach {kind names} $interfaces {
    foreach name $names {
        if {[llength [bus $name]] == 0} { ipx::infer_bus_interfaces $kind $core }
        only "bus interface $name" [bus $name]
    }
}
foreach {name kind} [list $clock_port clock $reset_port reset $interrupt_port interrupt] {
    if {[llength [bus $name]] == 0} {
        ipx::infer_bus_interface $name "xilinx.com:signal:${kind}_rtl:1.0" $core
    }
    only "$kind $name" [bus $name]
}
foreach {kind names} $interfaces {
    foreach name $names { ipx::associate_bus_interfaces -busif $name -clock $clock_port $core }
}
set_parameter $clock_port ASSOCIATED_RESET $reset_port
set_parameter $reset_port POLARITY ACTIVE_LOW
set_parameter $interrupt_port SENSITIVITY LEVEL_HIGH

# Memory the masters reach, and the registers behind the control port.
foreach name $masters {
    set space [ipx::get_address_spaces -quiet $name -of_objects $core]
    if {[llength $space] == 0} { set space [ipx::add_address_space $name $core] }
    set_property -dict {range 16E width 64} $space
    set_property master_address_space_ref $name [bus $name]
}
set map [ipx::get_memory_maps -quiet $control -of_objects $core]
if {[llength $map] == 0} { set map [ipx::add_memory_map $control $core] }
foreach block [ipx::get_address_blocks -quiet -of_objects $map] {
    ipx::remove_address_block [get_property name $block] $map
}
set block [ipx::add_address_block reg0 $map]
set_property -dict [list base_address 0 range $window width 32 usage register access read-write] $block
set_property slave_memory_map_ref $control [bus $control]
foreach {name offset access text fields} $registers {
    set register [ipx::add_register $name $block]
    set_property -dict [list address_offset $offset size 32 access $access description $text] $register
    foreach {field lsb width access text} $fields {
        set object [ipx::add_field $field $register]
        set_property -dict [list bit_offset $lsb bit_width $width access $access description $text] $object
    }
}

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project
