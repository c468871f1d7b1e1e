# SPDX-License-Identifier: Apache-2.0
"""Reports of Vitis HLS, written by hand after the documented form. None of the numbers is a measurement."""

from __future__ import annotations

CSIM = """\
INFO: [SIM 2] *************** CSIM start ***************
INFO: [SIM 4] CSIM will launch GCC as the compiler.
PASS: 3 sequences, 390 beats, 0 differences
INFO: [SIM 1] CSim done with 0 errors.
INFO: [SIM 3] *************** CSIM finish ***************
"""


def resources(bram: int, dsp: int, ff: int, lut: int, uram: int = 0) -> str:
    """AreaEstimates of a module or the top."""
    counts = {"BRAM_18K": bram, "DSP": dsp, "FF": ff, "LUT": lut, "URAM": uram}
    used = "".join(f"<{name}>{count}</{name}>\n" for name, count in counts.items())
    return (
        f"<AreaEstimates>\n<Resources>\n{used}</Resources>\n<AvailableResources>\n<BRAM_18K>1824</BRAM_18K>\n"
        "<DSP>2520</DSP>\n<FF>548160</FF>\n<LUT>274080</LUT>\n<URAM>0</URAM>\n</AvailableResources>\n"
        "</AreaEstimates>\n"
    )


def module(name: str, bram: int, dsp: int, ff: int, lut: int) -> str:
    """A Module of ModuleInformation."""
    return (
        f"<Module>\n<Name>{name}</Name>\n<Loops/>\n<PerformanceEstimates>\n<SummaryOfTimingAnalysis>\n"
        "<TargetClockPeriod>4.00</TargetClockPeriod>\n<ClockUncertainty>1.08</ClockUncertainty>\n"
        "<EstimatedClockPeriod>2.900</EstimatedClockPeriod>\n</SummaryOfTimingAnalysis>\n"
        f"</PerformanceEstimates>\n{resources(bram, dsp, ff, lut)}</Module>\n"
    )


CSYNTH = f"""\
<profile>

<ReportVersion>
<Version>2024.2</Version>
</ReportVersion>

<UserAssignments>
<unit>ns</unit>
<ProductFamily>zynquplus</ProductFamily>
<Part>xczu9eg-ffvb1156-2-e</Part>
<TopModelName>bat_top</TopModelName>
<TargetClockPeriod>4.00</TargetClockPeriod>
<ClockUncertainty>1.08</ClockUncertainty>
<FlowTarget>vivado</FlowTarget>
</UserAssignments>

<PerformanceEstimates>
<PipelineType>no</PipelineType>
<SummaryOfTimingAnalysis>
<unit>ns</unit>
<EstimatedClockPeriod>2.920</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>undef</Best-caseLatency>
<Average-caseLatency>undef</Average-caseLatency>
<Worst-caseLatency>undef</Worst-caseLatency>
<Best-caseRealTimeLatency>undef</Best-caseRealTimeLatency>
<Average-caseRealTimeLatency>undef</Average-caseRealTimeLatency>
<Worst-caseRealTimeLatency>undef</Worst-caseRealTimeLatency>
<Interval-min>120</Interval-min>
<Interval-max>undef</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
{resources(83, 34, 41000, 52345, 2)}
<InterfaceSummary>
<RtlPorts>
<name>s_axi_control_AWVALID</name>
<Object>control</Object>
<Type>pointer</Type>
<Dir>in</Dir>
<Bits>1</Bits>
</RtlPorts>
</InterfaceSummary>

<RTLDesignHierarchy>
<TopModule MAX_DEPTH="2">
<ModuleName>bat_top</ModuleName>
<BindInstances>gmem_m_axi_U control_s_axi_U</BindInstances>
<InstancesList>
<Instance>
<InstName>grp_mha_fu_210</InstName>
<ModuleName>mha</ModuleName>
<ID>210</ID>
<InstancesList>
<Instance>
<InstName>grp_qmm_fu_44</InstName>
<ModuleName>qmm</ModuleName>
<ID>44</ID>
</Instance>
<Instance>
<InstName>grp_qmm_fu_61</InstName>
<ModuleName>qmm</ModuleName>
<ID>61</ID>
</Instance>
</InstancesList>
</Instance>
<Instance>
<InstName>grp_ffn_fu_260</InstName>
<ModuleName>ffn</ModuleName>
<ID>260</ID>
</Instance>
</InstancesList>
</TopModule>
</RTLDesignHierarchy>

<ModuleInformation>
{module("mha", 41, 20, 25000, 32000)}{module("ffn", 40, 14, 15000, 20000)}{module("qmm", 11, 0, 9000, 14000)}\
</ModuleInformation>

</profile>
"""

_BAR = f"+{'-' * 10}+{'-' * 10}+{'-' * 47}+{'-' * 47}+{'-' * 22}+"


def _row(rtl: str, status: str, *cells: str) -> str:
    return f"|{rtl:>10}|{status:>10}|" + "|".join(f"{c:>15}" for c in cells[:6]) + f"|{cells[6]:>22}|"


def cosim(status: str = "Pass") -> str:
    """Co-simulation's report, of one transaction."""
    return "\n".join(
        [
            "Report time       : Wed May 22 18:36:09 MDT 2024.",
            "Solution          : hls.",
            "Simulation tool   : xsim.",
            "",
            _BAR,
            f"|{'':10}|{'':10}|{'Latency(Clock Cycles)':^47}|{'Interval(Clock Cycles)':^47}"
            "| Total Execution Time |",
            f"+   RTL    +  Status  +{'-' * 47}+{'-' * 47}+    (Clock Cycles)    +",
            f"|{'':10}|{'':10}|" + "|".join(f"{n:^15}" for n in ("min", "avg", "max") * 2) + f"|{'':22}|",
            _BAR,
            _row("VHDL", *["NA"] * 8),
            _row("Verilog", status, "9120", "9120", "9120", "NA", "NA", "NA", "9120"),
            _BAR,
            "",
        ]
    )


EXPORT = """\


Implementation tool: Xilinx Vivado v.2024.2
Project:             work
Solution:            hls
Device target:       xczu9eg-ffvb1156-2-e
Report date:         Wed May 22 18:36:09 MDT 2024

#=== Post-Synthesis Resource usage ===
SLICE:            0
LUT:          40123
FF:           38000
DSP:             34
BRAM:            81
URAM:             2
LATCH:            0
SRL:            122
CLB:              0

#=== Final timing ===
CP required:                     4.000
CP achieved post-synthesis:      3.610
Timing met
"""
