// SPDX-License-Identifier: Apache-2.0
// Chooses the synthesis branch of the kernels; to be included behind the vendor's headers.
#ifndef BATFLOW_VITIS_BRANCH_HPP
#define BATFLOW_VITIS_BRANCH_HPP
#ifndef __SYNTHESIS__
#define __SYNTHESIS__
#endif
#endif
