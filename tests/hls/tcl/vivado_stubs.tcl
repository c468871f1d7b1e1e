# SPDX-License-Identifier: Apache-2.0
# Commands of Vivado that only check and record: name, options and order, after UG835 and UG1118. A
# command or option that is not here is an error, and so is one that comes before what it needs.
# Environment: STUB_LOG the record, one Tcl list a call; STUB_REPORTS folder of report texts; STUB_FAIL a
# command that fails; STUB_RUN a run that fails; STUB_VERSION, STUB_BOARDS, STUB_CONCAT what the tool has.

namespace eval stub {
    variable forms
    variable state
    array set state {project 0 files {} top {} design 0 valid 0 generated 0 open 0 core 0 buses {} parameters {}
        spaces {} maps {} cells {} joined {} runs {}}
    array set forms {
        version {{-short} {} 0 0}
        create_project {{-force -in_memory} {-part} 0 2}
        close_project {{} {} 0 0}
        current_project {{} {} 0 0}
        add_files {{-norecurse} {-fileset} 1 1}
        get_files {{} {-filter} 0 1}
        get_filesets {{} {} 1 1}
        update_compile_order {{} {-fileset} 0 0}
        set_property {{} {-dict} 1 3}
        get_property {{} {} 2 2}
        read_verilog {{-sv} {} 1 1}
        read_xdc {{} {-mode} 1 1}
        synth_design {{} {-top -part -mode -generic} 0 0}
        get_board_parts {{-quiet} {-filter} 0 1}
        get_ipdefs {{-quiet -all} {} 0 1}
        update_ip_catalog {{} {} 0 0}
        create_bd_design {{} {} 1 1}
        create_bd_cell {{} {-type -vlnv} 1 1}
        apply_bd_automation {{} {-rule -config} 1 1}
        get_bd_pins {{} {} 1 1}
        get_bd_intf_pins {{} {} 1 1}
        connect_bd_net {{} {} 2 2}
        connect_bd_intf_net {{} {} 2 2}
        get_bd_addr_spaces {{} {} 1 1}
        get_bd_addr_segs {{} {} 1 1}
        assign_bd_address {{-force} {-target_address_space -offset -range} 0 1}
        validate_bd_design {{} {} 0 0}
        save_bd_design {{} {} 0 0}
        make_wrapper {{-top} {-files} 0 0}
        generate_target {{} {} 2 2}
        launch_runs {{} {-jobs -to_step} 1 1}
        wait_on_runs {{} {-timeout} 1 1}
        get_runs {{} {} 1 1}
        open_run {{} {} 1 1}
        report_utilization {{-hierarchical} {-file} 0 0}
        report_timing_summary {{} {-file} 0 0}
        write_bitstream {{-force} {} 1 1}
        ipx::package_project {{-import_files -force} {-root_dir -vendor -library -taxonomy} 0 0}
        ipx::current_core {{} {} 0 0}
        ipx::get_bus_interfaces {{-quiet} {-of_objects} 1 1}
        ipx::get_bus_parameters {{-quiet} {-of_objects} 1 1}
        ipx::add_bus_parameter {{} {} 2 2}
        ipx::infer_bus_interfaces {{} {} 2 2}
        ipx::infer_bus_interface {{} {} 3 3}
        ipx::associate_bus_interfaces {{} {-busif -clock} 1 1}
        ipx::get_address_spaces {{-quiet} {-of_objects} 0 1}
        ipx::add_address_space {{} {} 2 2}
        ipx::get_memory_maps {{-quiet} {-of_objects} 0 1}
        ipx::add_memory_map {{} {} 2 2}
        ipx::get_address_blocks {{-quiet} {-of_objects} 0 1}
        ipx::remove_address_block {{} {} 2 2}
        ipx::add_address_block {{} {} 2 2}
        ipx::add_register {{} {} 2 2}
        ipx::add_field {{} {} 2 2}
        ipx::create_xgui_files {{} {} 1 1}
        ipx::update_checksums {{} {} 1 1}
        ipx::check_integrity {{} {} 1 1}
        ipx::save_core {{} {} 1 1}
    }
    # Properties of a kind of object; CONFIG.* of a cell are in `cells`.
    variable properties {
        project {board_part ip_repo_paths} fileset {top} file {file_type}
        core {vendor library name version display_name description supported_families core_revision}
        parameter {value} bus {master_address_space_ref slave_memory_map_ref} space {range width}
        block {base_address range width usage access} register {address_offset size access description}
        field {bit_offset bit_width access description}
    }
    # IP -> interfaces, input pins, output pins, names of CONFIG.
    variable ips {
        zynq_ultra_ps_e {{M_AXI_HPM0_FPD S_AXI_HP0_FPD S_AXI_HP1_FPD S_AXI_HP2_FPD}
            {maxihpm0_fpd_aclk saxihp0_fpd_aclk saxihp1_fpd_aclk saxihp2_fpd_aclk pl_ps_irq0} {pl_clk0 pl_resetn0}
            {PSU__FPGA_PL?_ENABLE PSU__CRL_APB__PL0_REF_CTRL__SRCSEL PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ
             PSU__USE__M_AXI_GP? PSU__MAXIGP0__DATA_WIDTH PSU__USE__IRQ0 PSU__USE__S_AXI_GP? PSU__SAXIGP?__DATA_WIDTH}}
        axi_dma {{S_AXI_LITE M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S S_AXIS_S2MM}
            {s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn} {mm2s_introut s2mm_introut}
            {c_include_sg c_sg_length_width c_addr_width c_include_mm2s_dre c_include_s2mm_dre c_m_axi_mm2s_data_width
             c_m_axis_mm2s_tdata_width c_m_axi_s2mm_data_width c_mm2s_burst_size c_s2mm_burst_size}}
        smartconnect {{} {aclk aresetn} {} {NUM_SI NUM_MI}}
        proc_sys_reset {{} {slowest_sync_clk ext_reset_in} {peripheral_aresetn} {}}
        xlconcat {{} {} {dout} {NUM_PORTS}}
        ilconcat {{} {} {dout} {NUM_PORTS}}
        bat_top {{s_axi_control m_axi_mha m_axi_ffn s_axis_in m_axis_out} {ap_clk ap_rst_n} {interrupt} {}}
    }
}

source [file join [file dirname [info script]] stub_core.tcl]

proc stub::do_version {given rest} { return [env STUB_VERSION 2024.1] }
proc stub::do_create_project {given rest} {
    variable state
    need {!$state(project)} "a project is open"
    need {[dict exists $given -part]} "create_project without a part"
    set state(project) 1
}
proc stub::do_current_project {given rest} { return project:1 }
proc stub::do_add_files {given rest} {
    variable state
    need {$state(project)} "add_files before create_project"
    foreach file [lindex $rest 0] {
        need {[file isfile $file]} "no file $file"
        lappend state(files) $file
    }
}
proc stub::do_read_verilog {given rest} { do_add_files $given $rest }
proc stub::do_read_xdc {given rest} { foreach file [lindex $rest 0] { need {[file isfile $file]} "no file $file" } }
proc stub::do_get_files {given rest} {
    variable state
    if {$rest eq "batflow.bd"} { return [expr {$state(design) ? "file:batflow.bd" : ""}] }
    return [lmap file [lsearch -all -inline $state(files) *.sv] { set file file:$file }]
}
proc stub::do_get_filesets {given rest} { return fileset:[lindex $rest 0] }
proc stub::do_set_property {given rest} {
    variable state
    variable properties
    set pairs [expr {[dict exists $given -dict] ? [option $given -dict] : [lrange $rest 0 1]}]
    set objects [lindex $rest end]
    need {[llength $rest] == ([dict exists $given -dict] ? 1 : 3) && [llength $pairs] % 2 == 0} "set_property $rest"
    need {[llength $objects]} "set_property on nothing"
    foreach object $objects {
        set kind [lindex [split $object :] 0]
        set rest [string range $object [string length $kind:] end]
        foreach {name value} $pairs {
            if {$kind eq "cell"} {
                need {[string match CONFIG.* $name]} "$object has no property $name"
                set known [lindex [dict get $stub::ips [dict get $state(cells) $rest ip]] 3]
                set short [string range $name 7 end]
                need {[lsearch -glob [lmap pattern $known { string match $pattern $short }] 1] >= 0} "$rest has no $name"
                dict set state(cells) $rest config $short $value
            } else {
                need {$name in [dict get $properties $kind]} "a $kind has no property $name"
                if {$name eq "top"} { set state(top) $value }
                dict set state(values) $object $name $value
            }
        }
    }
}
proc stub::do_get_property {given rest} {
    variable state
    lassign $rest name object
    if {$name eq "name"} { return [lindex [split $object :] end] }
    if {[string match *ACT_FREQMHZ $name]} {
        return [env STUB_CLOCK [dict get $state(cells) [string range $object 5 end] config PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ]]
    }
    set done [expr {[dict get $state(runs) [string range $object 4 end]] eq "done"}]
    if {$name eq "PROGRESS"} { return [expr {$done ? "100%" : "37%"}] }
    need {$name eq "STATUS"} "a run has no property $name"
    return [expr {$done ? "complete" : "ERROR"}]
}
proc stub::do_synth_design {given rest} {
    variable state
    need {[lsearch -glob $state(files) */[option $given -top].sv] >= 0} "synth_design without its top"
    set state(open) 1
}
proc stub::do_get_board_parts {given rest} { return [env STUB_BOARDS ""] }
proc stub::do_get_ipdefs {given rest} {
    set concat [env STUB_CONCAT xilinx.com:ip:xlconcat:2.1]
    return [lsearch -all -inline [list xilinx.com:ip:zynq_ultra_ps_e:3.4 xilinx.com:ip:zynq_ultra_ps_e:3.5 \
        xilinx.com:ip:axi_dma:7.1 xilinx.com:ip:smartconnect:1.0 xilinx.com:ip:proc_sys_reset:5.0 $concat \
        xilinx.com:hls:bat_top:1.0] [lindex $rest 0]]
}

# Runs and reports.
proc stub::do_launch_runs {given rest} {
    variable state
    need {$state(generated)} "launch_runs before generate_target"
    need {$rest eq "synth_1" || [dict exists $state(runs) synth_1] && [dict get $state(runs) synth_1] eq "done"} \
        "$rest before synth_1 is done"
    dict set state(runs) $rest launched
}
proc stub::do_wait_on_runs {given rest} {
    variable state
    need {[dict exists $state(runs) $rest]} "$rest was not launched"
    dict set state(runs) $rest [expr {[env STUB_RUN ""] eq $rest ? "failed" : "done"}]
}
proc stub::do_get_runs {given rest} { return run:$rest }
proc stub::do_open_run {given rest} {
    variable state
    need {$rest eq "impl_1" && [dict get $state(runs) $rest] eq "done"} "open_run before $rest is done"
    set state(open) 1
}
proc stub::report {given name} {
    variable state
    need {$state(open)} "a report without a design"
    file copy -force [file join $::env(STUB_REPORTS) $name.rpt] [option $given -file]
}
proc stub::do_report_utilization {given rest} {
    report $given [expr {[dict exists $given -hierarchical] ? "hierarchy" : "utilization"}]
}
proc stub::do_report_timing_summary {given rest} { report $given timing }
proc stub::do_write_bitstream {given rest} {
    variable state
    need {$state(open)} "write_bitstream without an implemented design"
    write [lindex $rest 0] bits
}

source [file join [file dirname [info script]] vivado_stubs_design.tcl]
namespace eval ipx {}
foreach name [array names stub::forms] { proc ::$name args "stub::call $name \$args" }
