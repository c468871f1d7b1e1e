# ---
# jupyter:
#   license: "SPDX-License-Identifier: Apache-2.0"
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a trained checkpoint to the accelerator
#
# A two-layer Transformer with **binary weights and 4-bit activations**, trained on TREC questions,
# runs here on an emulated FPGA overlay: the same `Accelerator` class, PYNQ driver and integers as on
# a board. Five cells, about a minute.

# %%
# 1. The trained student: 0.5 MB of weight signs and scales.
import os
import tempfile
from pathlib import Path

from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig
from batflow.flow.train_steps import attach_checkpoint, data_step, run_json

runs = Path(os.environ.get("BATFLOW_RUNS") or tempfile.mkdtemp())
run = start_run(runs, "quickstart", RunConfig())
data_step(run, lambda done, total: None)
attach_checkpoint(run, lambda done, total: None)
trained = run_json(run, "train")
print(f"integer model: {trained['integer_test']:.1f} % of {trained['test_sentences']} unseen questions")

# %%
# 2. Export to QONNX, lower to the integer program: from here on there is no float.
from rich.console import Console

from batflow.flow.pipeline import run_steps
from batflow.flow.steps import STEPS
from batflow.hls.program_io import load_program

console = Console(force_jupyter=False)
run_steps(STEPS, run, console, first="export", last="lower")
program = load_program(run.artefact("program"))
widths = {name: matrix.acc_bits for name, matrix in program.layers[0].matrices.items()}
print("layer 0, accumulator bits proved from the weights:", widths)

# %%
# 3. Compile the HLS C++ kernels with g++; the shared library takes the bitstream's place.
run_steps(STEPS, run, console, first="build", last="build")

# %%
# 4. Open the bundle as on a board, and ask.
from batflow.host.accelerator import Accelerator

questions = [
    "Who discovered radium?",
    "How far is it from Denver to Aspen?",
    "What does NASA stand for?",
    "Where is the Louvre?",
    "What is the name of the chocolate company in San Francisco that is known for its cocoa?",
]
with Accelerator(run.artefact("bundle")) as accelerator:
    results = [accelerator.infer(question) for question in questions]
for question, result in zip(questions, results, strict=True):
    print(f"{result.label:5} {result.latency.cycles:9,} cycles  {result.logits.tolist()}  {question}")
print("cycles are from source:", results[0].latency.cycles_source)

# %%
# 5. Where the cycles go, by the engine's own counters.
import matplotlib.pyplot as plt

parts = {"QMM busy": "CYCLES_QMM_BUSY", "softmax stall": "STALL_SOFTMAX", "LayerNorm stall": "STALL_LN"}
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
tokens = [result.tokens for result in results]
for label, counter in parts.items():
    axes.plot(tokens, [result.counters[counter] for result in results], "o", label=label)
axes.plot(tokens, [result.latency.cycles for result in results], "k_", markersize=14, label="total")
axes.set(xlabel="tokens", ylabel=f"cycles ({results[0].latency.cycles_source})", title="One sentence")
axes.legend(frameon=False)
plt.show()
