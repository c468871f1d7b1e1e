# SPDX-License-Identifier: Apache-2.0
# NOT RUN HERE: written for Vivado 2022.2 to 2025.x, tested against stubbed commands only.
# The block design: processing system, AXI DMA for the streams, SmartConnect, the accelerator.
#   HPM0 -> smc_control -> DMA registers, accelerator registers
#   accelerator MHA port -> HP0, FFN port -> HP1, DMA -> HP2

# Board files hold the DDR settings. Without them the processing system keeps its defaults, which is
# enough where the boot image sets up the DDR (PYNQ), and not for a boot image made from this design.
proc newest_board_part {} {
    set found [get_board_parts -quiet -filter "PART_NAME == \"$::part\""]
    set found [lsearch -all -inline $found "*:$::board*:*"]
    return [lindex [lsort -dictionary $found] end]
}

proc pin {path} { return [only "pin $path" [get_bd_pins $path]] }
proc interface {path} { return [only "interface $path" [get_bd_intf_pins $path]] }
proc join_interfaces {a b} { connect_bd_intf_net [interface $a] [interface $b] }
proc join_pins {source args} {
    foreach path $args { connect_bd_net [pin $source] [pin $path] }
}

proc add_cell {name ip settings} {
    set vlnv [newest_ip $ip]
    # From 2024.2 on the concat is inline HDL, and its cell type another one.
    set type [expr {[string match "*:inline_hdl:*" $vlnv] ? "inline_hdl" : "ip"}]
    set cell [create_bd_cell -type $type -vlnv $vlnv $name]
    if {[llength $settings]} { set_property -dict $settings $cell }
    return $cell
}

proc add_processing_system {board_part} {
    set cell [add_cell $::ps_name zynq_ultra_ps_e {}]
    if {$board_part ne ""} {
        apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} $cell
    }
    set settings [list CONFIG.PSU__FPGA_PL0_ENABLE 1 CONFIG.PSU__FPGA_PL1_ENABLE 0 \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__SRCSEL IOPLL \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $::clock_mhz \
        CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 0 \
        CONFIG.PSU__MAXIGP0__DATA_WIDTH 32 CONFIG.PSU__USE__IRQ0 1]
    # GP2, GP3 and GP4 are the ports HP0, HP1 and HP2.
    foreach port {2 3 4} {
        lappend settings CONFIG.PSU__USE__S_AXI_GP$port 1 CONFIG.PSU__SAXIGP${port}__DATA_WIDTH $::memory_bits
    }
    set_property -dict $settings $cell
    set actual [get_property CONFIG.PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ $cell]
    if {![string is double -strict $actual] || $actual > 1.001 * $::clock_mhz} {
        error "the clock is $actual MHz, above the $::clock_mhz MHz that was asked for"
    }
}

proc add_cells {} {
    add_cell reset_0 proc_sys_reset {}
    add_cell $::dma_name axi_dma $::dma_settings
    add_cell $::accelerator_name $::top {}
    add_cell smc_control smartconnect {CONFIG.NUM_SI 1 CONFIG.NUM_MI 2}
    add_cell smc_mha smartconnect {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1}
    add_cell smc_ffn smartconnect {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1}
    add_cell smc_dma smartconnect {CONFIG.NUM_SI 2 CONFIG.NUM_MI 1}
    set concat [expr {[llength [get_ipdefs -quiet -all "xilinx.com:*:ilconcat:*"]] ? "ilconcat" : "xlconcat"}]
    add_cell interrupts $concat {CONFIG.NUM_PORTS 3}
}

proc join_buses {} {
    set ps $::ps_name
    set dma $::dma_name
    set ip $::accelerator_name
    join_interfaces $ps/M_AXI_HPM0_FPD smc_control/S00_AXI
    join_interfaces smc_control/M00_AXI $dma/S_AXI_LITE
    join_interfaces smc_control/M01_AXI $ip/$::control
    foreach name $::masters smc {smc_mha smc_ffn} port {HP0 HP1} {
        join_interfaces $ip/$name $smc/S00_AXI
        join_interfaces $smc/M00_AXI $ps/S_AXI_${port}_FPD
    }
    join_interfaces $dma/M_AXI_MM2S smc_dma/S00_AXI
    join_interfaces $dma/M_AXI_S2MM smc_dma/S01_AXI
    join_interfaces smc_dma/M00_AXI $ps/S_AXI_HP2_FPD
    join_interfaces $dma/M_AXIS_MM2S $ip/$::stream_in
    join_interfaces $ip/$::stream_out $dma/S_AXIS_S2MM
}

proc join_clocks {} {
    set ps $::ps_name
    set dma $::dma_name
    set ip $::accelerator_name
    set clocks [list reset_0/slowest_sync_clk $ip/$::clock_port $ps/maxihpm0_fpd_aclk]
    set resets [list $dma/axi_resetn $ip/$::reset_port]
    foreach port {hp0 hp1 hp2} { lappend clocks $ps/saxi${port}_fpd_aclk }
    foreach name {s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk} { lappend clocks $dma/$name }
    foreach smc {smc_control smc_mha smc_ffn smc_dma} {
        lappend clocks $smc/aclk
        lappend resets $smc/aresetn
    }
    join_pins $ps/pl_clk0 {*}$clocks
    join_pins $ps/pl_resetn0 reset_0/ext_reset_in
    join_pins reset_0/peripheral_aresetn {*}$resets
    join_pins $ip/$::interrupt_port interrupts/In0
    join_pins $dma/mm2s_introut interrupts/In1
    join_pins $dma/s2mm_introut interrupts/In2
    join_pins interrupts/dout $ps/pl_ps_irq0
}

# The registers lie where the driver's handoff says; memory goes where the processing system has it.
proc assign_addresses {} {
    set data [only "address space" [get_bd_addr_spaces $::ps_name/Data]]
    foreach {segment address} [list $::dma_name/S_AXI_LITE/Reg $::dma_address \
        $::accelerator_name/$::control/reg0 $::accelerator_address] {
        set object [only "segment $segment" [get_bd_addr_segs $segment]]
        assign_bd_address -target_address_space $data -offset $address -range $::window -force $object
    }
    assign_bd_address
}

proc create_design {board_part} {
    create_bd_design batflow
    add_processing_system $board_part
    add_cells
    join_buses
    join_clocks
    assign_addresses
    validate_bd_design
    save_bd_design
}
