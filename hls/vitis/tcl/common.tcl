# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for vitis_hls 2024.x, tested against stubbed commands only.
# What the scripts share. An error that is not caught ends vitis_hls with a non-zero exit code.
set here [file dirname [file dirname [file normalize [info script]]]]
source [file join $here tcl settings.tcl]
# The tool puts a project where it stands, and its lists of files cannot hold a path with a space.
cd $here

# Opens the project, which csim and csynth may make, with all its settings.
proc open_design {} {
    open_project $::work
    set_top $::top
    add_files $::source -cflags $::cflags
    add_files -tb $::testbench -cflags $::cflags
    foreach name $::data { add_files -tb $name }
    open_solution -flow_target vivado hls
    set_part $::part
    create_clock -period $::period -name default
    config_interface -m_axi_addr64
    config_export {*}$::ip
}

# cosim and export work on what csynth left.
proc need_synthesis {} {
    if {![file isfile [file join $::work hls syn report csynth.xml]]} {
        error "$::work holds no synthesized design: run tcl/csynth.tcl first"
    }
}
