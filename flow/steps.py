# SPDX-License-Identifier: Apache-2.0
"""The table of steps, in the order of docs/contracts.md, "Run folder".

Training depends on its settings and data alone: a change of source does not throw it away.
"""

from __future__ import annotations

from .check_steps import csim_step, report_step, verify_step
from .cosim import cosim_step
from .hardware_steps import build_step, lower_step
from .pipeline import Step
from .train_steps import attach_checkpoint, data_step, export_step, teacher_step, train_step

DATA = ("data.json", "train.jsonl", "dev.jsonl", "test.jsonl")
TASK = ("task", "glue_dir", "tsv")
TEACHER = ("pretrained", "layers", "max_len", "batch_size", "accumulate", "max_steps", "seed", "precision")
STUDENT = (
    "bits",
    "weight",
    "weight_scale",
    "embedding",
    "activation",
    "recipe",
    "student_epochs",
    "student_rate",
    "patience",
    "keep_teacher_outputs",
    "rounded",
    "select",
    "keep_stages",
    "keep_latents",
    "start_from",
    "transfer",
)
RESULTS = ("teacher.json", "train.json", "csim.json", "cosim.json", "verify.json")

STEPS: tuple[Step, ...] = (
    Step("data", (), DATA, TASK, data_step, "fetch and split the text", supply=data_step),
    Step(
        "teacher",
        DATA,
        ("teacher.safetensors", "teacher.json"),
        (*TEACHER, "teacher_epochs", "teacher_rate"),
        teacher_step,
        "train the float teacher and the controls",
        draws=True,
    ),
    Step(
        "train",
        (*DATA, "teacher.safetensors", "teacher.json"),
        ("student.npz", "train.json"),
        (*TEACHER, *STUDENT),
        train_step,
        "distil the quantized student",
        supply=attach_checkpoint,
        draws=True,
    ),
    Step(
        "export",
        ("student.npz",),
        ("model.onnx",),
        (),
        export_step,
        "write model.onnx (QONNX)",
        rooms=("quant",),
    ),
    Step(
        "lower", ("model.onnx",), ("program",), (), lower_step, "lower to the integer program", rooms=("hls",)
    ),
    Step(
        "build",
        ("program",),
        ("bundle",),
        (),
        build_step,
        "compile the kernels, write the bundle",
        rooms=("hls", "overlays"),
    ),
    Step(
        "csim",
        (*DATA, "program", "bundle"),
        ("csim.json",),
        ("csim_sentences",),
        csim_step,
        "run held-out sentences through the HLS C++ kernels",
        rooms=("hls",),
    ),
    Step(
        "cosim",
        (*DATA, "program"),
        ("cosim.json",),
        ("cosim_sentences",),
        cosim_step,
        "run held-out sentences on the accelerator's SystemVerilog",
        rooms=("hls",),
    ),
    Step(
        "verify",
        (*DATA, "student.npz", "model.onnx", "program", "bundle"),
        ("verify.json",),
        (
            "verify_sentences",
            "verify_cosim_sentences",
            "verify_hls4ml_sentences",
            "verify_finn_sentences",
            "verify_finn_rtl_sentences",
        ),
        verify_step,
        "compare the integers of all engines",
        rooms=("quant", "hls", "host", "flow"),
    ),
    Step(
        "report",
        (),
        ("report.html",),
        (),
        report_step,
        "write the report",
        uses=("data.json", *RESULTS),
        rooms=("flow",),
    ),
)
