// SPDX-License-Identifier: Apache-2.0
// A layer's descriptor as the sequencers hold it (docs/contracts.md, "image.bin").
package layer_pkg;
  import bat_pkg::*;
  import qmm_pkg::*;

  typedef struct packed {
    logic [1:0]  kind;       // image_pkg::KIND_IS_*
    logic [31:0] weight;     // byte offsets of the sections
    logic [31:0] constants;
    logic [5:0]  shift;
  } matrix_t;

  typedef struct packed {
    logic [31:0] constants;
    logic [5:0]  shift;
    logic [39:0] epsilon;
  } norm_t;

  typedef struct packed {
    logic [15:0] m;
    logic [45:0] c;
    logic [5:0]  shift;
  } dyadic_t;

  typedef struct packed {
    logic [15:0] scale;
    logic [7:0]  scale_shift;
    logic [39:0] reciprocal;
    logic [7:0]  shift;
  } softmax_t;

  // What one module needs of a layer; FFN uses matrix[1:0] and neither ctx nor softmax.
  typedef struct packed {
    logic [7:0][3:0] bits;    // of the sites, by field number
    dyadic_t         entry;   // attn_in or ffn_in
    dyadic_t         ctx;
    matrix_t [3:0]   matrix;  // q k v o, or ffn1 ffn2
    softmax_t        softmax;
    norm_t           norm;    // ln1 or ln2
  } layer_t;

  // ceil(count / 2^log2)
  function automatic logic [15:0] units_of(logic [15:0] count, int unsigned log2);
    return 16'((32'(count) + (32'd1 << log2) - 32'd1) >> log2);
  endfunction

  function automatic kind_t signed_kind(logic [3:0] bits);
    return (bits == 4'd1) ? KIND_BIPOLAR : KIND_SIGNED;
  endfunction

  // A product with a matrix from memory; what depends on its place in the layer is 0.
  function automatic job_t memory_job(logic [1:0] kind, logic [5:0] shift, logic [15:0] inputs,
                                      logic [15:0] outputs, int unsigned log2_outputs,
                                      int unsigned log2_simd);
    job_t job;
    job               = '0;
    job.weight        = WEIGHT_MEMORY;
    job.weight_kind   = KIND_BIPOLAR;
    job.weight_planes = 4'd1;
    if (kind == image_pkg::KIND_IS_TERNARY) begin
      job.weight_kind   = KIND_TERNARY;
      job.weight_planes = 4'd2;
    end
    job.two_part      = kind == image_pkg::KIND_IS_WTWS;
    job.k_bits        = inputs;
    job.k_words       = units_of(inputs, log2_simd);
    job.channels      = outputs;
    job.output_tiles  = job.two_part ? units_of(outputs, log2_outputs - 1) : units_of(outputs, log2_outputs);
    job.head_channels = outputs;
    job.head_stride   = outputs;
    job.scale.shift   = shift;
    return job;
  endfunction

  // A product of two activations: K or V, signed, takes the matrix's place.
  function automatic job_t activation_job(weight_source_t weight, logic [3:0] bits, logic [15:0] inputs,
                                          logic [15:0] outputs, int unsigned log2_outputs,
                                          int unsigned log2_simd);
    job_t job;
    job               = memory_job('0, '0, inputs, outputs, log2_outputs, log2_simd);
    job.weight        = weight;
    job.weight_kind   = signed_kind(bits);
    job.weight_planes = bits;
    return job;
  endfunction
endpackage
