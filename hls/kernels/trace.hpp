// SPDX-License-Identifier: Apache-2.0
// Debug taps of csim (sim_trace.hpp); nothing under __SYNTHESIS__.
//
// BAT_TRACE(layer, tap, rows, columns, value) appends `value` for each `row` and `column` (names visible to
// the expression) when a trace is open; BAT_TRACE_SEQUENCE(n) starts sequence n. Source: ours.
#ifndef BATFLOW_TRACE_HPP
#define BATFLOW_TRACE_HPP
#ifdef __SYNTHESIS__
#define BAT_TRACE(layer, tap, rows, columns, value) static_cast<void>(layer)
#define BAT_TRACE_SEQUENCE(n)
#else
#include "sim_trace.hpp"
#endif
#endif
