// SPDX-License-Identifier: Apache-2.0
// Joins axi_memory.h to a Verilated module that has one AXI4 read master with ports m_axi_*. The
// memory moves with the module's clock, so axis_harness.h runs the module as any other.
#ifndef BATFLOW_AXI_HARNESS_H
#define BATFLOW_AXI_HARNESS_H

#include "axi_memory.h"
#include "axis_harness.h"

namespace batflow {

template <class Model, int kBusBytes>
class WithMemory : public Model {
 public:
  using Model::Model;
  AxiMemory memory{kBusBytes};

  // The memory's signals change after the edge, as those of a register.
  void eval() {
    if (!this->clk) {
      Model::eval();
      return;
    }
    const AxiReadRequest request = {bool(this->m_axi_arvalid), this->m_axi_araddr,  this->m_axi_arlen,
                                    this->m_axi_arsize,        this->m_axi_arburst, bool(this->m_axi_rready)};
    if (this->rst_n) {
      memory.step(request);
    } else {
      memory.reset();
    }
    Model::eval();
    const AxiReadResponse& response = memory.response();
    this->m_axi_arready = response.arready;
    this->m_axi_rvalid = response.rvalid;
    this->m_axi_rlast = response.rlast;
    this->m_axi_rresp = response.rresp;
    if (response.rvalid) put(this->m_axi_rdata, response.rdata, kBusBytes);
  }
};

}  // namespace batflow

#define BATFLOW_AXI_HARNESS(Ports)                                                                       \
  BATFLOW_AXIS_HARNESS(Ports)                                                                            \
  extern "C" {                                                                                           \
  void axi_setup(void* sim, const uint8_t* data, uint64_t base, uint64_t bytes,                          \
                 const batflow::AxiTiming* timing, const batflow::AxiFaults* faults) {                   \
    batflow::AxiMemory& memory = static_cast<batflow::Harness<Ports>*>(sim)->top().memory;               \
    memory.attach(data, base, bytes);                                                                    \
    memory.configure(*timing, *faults);                                                                  \
  }                                                                                                      \
  void axi_report(void* sim, uint64_t* out) {                                                            \
    const batflow::AxiMemory& memory = static_cast<batflow::Harness<Ports>*>(sim)->top().memory;         \
    const uint64_t facts[] = {memory.violation(), memory.bursts(), memory.beats(), memory.outstanding(), \
                              memory.most_outstanding()};                                                \
    std::memcpy(out, facts, sizeof facts);                                                               \
  }                                                                                                      \
  }

#endif
