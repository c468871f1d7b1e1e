# SPDX-License-Identifier: Apache-2.0
"""An encoder as an hls4ml model: model.onnx to ModelGraph, and sentences through it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, FormatError, InputError

from ..config import STREAM_VALUES as BEAT
from ..config import AcceleratorConfig, make_config, program_needs
from ..program import NUMERICS_VERSION, EncoderProgram
from .tables import NodeTable, node_tables
from .tool import hls4ml_step, require_hls4ml

if TYPE_CHECKING:
    from onnx import ModelProto

Rows = npt.NDArray[np.int16]
DEFAULT_PART = "xczu7ev-ffvc1156-2-e"


def read_program(model: Path | str | ModelProto | EncoderProgram) -> EncoderProgram:
    """Lower ``model``, a model.onnx by path or in memory; a program is returned as it is.

    Raises:
        FormatError: a file that is foreign, edited or of another version, or a node that is no part of
            an encoder; the message names it.
    """
    from ..lowering import lower

    if isinstance(model, EncoderProgram):
        return model
    if isinstance(model, (str, Path)):
        return lower(Path(model))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            return lower(path)
        except FormatError as exc:
            raise FormatError(str(exc).replace(str(path), "the given model")) from exc


def seal(model: ModelProto, config: dict[str, Any], vocab: Sequence[str]) -> ModelProto:
    """Return a copy of a hand-made ``model`` with the metadata that :func:`convert` asks for.

    The graph must be that of docs/contracts.md, "model.onnx", tensor names and all. The hash says that
    the content is meant as it is; a graph that changes later is refused.

    Args:
        model: the graph, in opset 17 and the domain ``batflow.bat``.
        config: the document ``batflow.config``.
        vocab: tokens in order of their ids.
    """
    from ..graph import HASH_KEY, content_hash

    sealed = type(model)()
    sealed.CopyFrom(model)
    del sealed.metadata_props[:]
    facts = {
        "batflow.numerics": str(NUMERICS_VERSION),
        "batflow.config": json.dumps(config, sort_keys=True),
        "batflow.vocab": "\n".join(vocab),
    }
    for key, value in facts.items():
        sealed.metadata_props.add(key=key, value=value)
    sealed.metadata_props.add(key=HASH_KEY, value=content_hash(sealed))
    return sealed


def convert(
    model: Path | str | ModelProto | EncoderProgram,
    output_dir: Path | str,
    config: AcceleratorConfig | None = None,
    project_name: str = "bat_encoder",
    part: str = DEFAULT_PART,
    clock_period: float = 5.0,
) -> Any:
    """Return the hls4ml ``ModelGraph`` of an encoder, one fused node for MHA and one for FFN of a layer.

    The graph carries h after the embedding to h of the last layer, in the form of :func:`pack_rows`;
    embedding and classifier stay on the host (docs/numerics.md). ``compile``, ``predict``, ``write``
    and ``build`` are hls4ml's own.

    Args:
        model: model.onnx of the schema of docs/contracts.md, or its program.
        output_dir: folder of the project.
        config: parallelism; its maxima size the buffers. By default the maxima are the program's needs.
        project_name: name of the top function.
        part: FPGA part.
        clock_period: in ns.

    Raises:
        MissingToolError: hls4ml is absent or of an untested version.
        FormatError: see :func:`read_program`.
        InputError: the program does not fit ``config``, or the name is no C++ name.
    """
    require_hls4ml()
    if not (project_name.isascii() and project_name.isidentifier()):
        raise InputError(f"project name {project_name!r} is no C++ name; use letters, digits and _")
    program = read_program(model)
    config = config or make_config(program_needs(program))
    config.require(program)
    with hls4ml_step("make the model"):
        return _graph(program, config, Path(output_dir), project_name, part, clock_period)


def _graph(
    program: EncoderProgram,
    config: AcceleratorConfig,
    output_dir: Path,
    project_name: str,
    part: str,
    clock_period: float,
) -> Any:
    from hls4ml.model.graph import ModelGraph
    from hls4ml.utils.config import create_config

    from .layers import BACKEND, LAYERS, kernel_sizes, register

    register()
    settings = create_config(
        output_dir=str(output_dir),
        project_name=project_name,
        backend=BACKEND,
        part=part,
        clock_period=clock_period,
        io_type="io_stream",
    )
    # hls4ml reads a precision for each tensor; every stream here is ap_int<16>.
    settings["HLSConfig"] = {
        "Model": {"Precision": "ap_int<16>", "ReuseFactor": 1, "Strategy": "Latency"},
        "LayerType": {layer.__name__: {"Trace": True} for layer in LAYERS.values()},
    }
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": "hidden", "input_shape": [beats(program), BEAT]}
    ]
    sizes = kernel_sizes(config)
    for table in node_tables(program):
        layers.append(_layer(table, LAYERS[table.module].__name__, layers[-1]["name"], program, sizes))
    return ModelGraph.from_layer_list(settings, layers)


def _layer(
    table: NodeTable, kind: str, source: str, program: EncoderProgram, sizes: dict[str, int]
) -> dict[str, Any]:
    return {
        "class_name": kind,
        "name": table.name,
        "inputs": [source],
        "module": table.module,
        "layer_index": table.layer,
        "fields": table.fields,
        "model_shape": asdict(program.shape),
        "sizes": sizes,
        "image_data": table.words,
    }


def beats(program: EncoderProgram) -> int:
    """Beats of a sequence, of four values as in the accelerator's stream: a header, max_len rows of d/4."""
    return 1 + program.shape.max_len * program.shape.hidden // BEAT


def pack_rows(program: EncoderProgram, rows: Sequence[Rows]) -> npt.NDArray[np.float32]:
    """Return what ``predict`` takes, float32 [n, beats, 4], of h int16 [l, d] after the embedding.

    A sequence is the beat {l, 0, 0, 0} and max_len rows, zeros behind the l true ones. Integers of
    16 bits are exact in float32.

    Raises:
        InputError: a sequence of no row, of more than max_len, of another width or type.
    """
    shape = program.shape
    packed = np.zeros((len(rows), BEAT * beats(program)), dtype=np.float32)
    for at, h in enumerate(rows):
        if h.ndim != 2 or h.shape[1] != shape.hidden or not 1 <= len(h) <= shape.max_len:
            raise InputError(
                f"sequence {at} has rows {h.shape}; 1 to {shape.max_len} rows of {shape.hidden} are needed"
            )
        if h.dtype != np.int16:
            raise InputError(f"sequence {at} has values of type {h.dtype}; int16 is needed")
        packed[at, 0] = len(h)
        packed[at, BEAT : BEAT + h.size] = h.ravel()
    return packed.reshape(len(rows), -1, BEAT)


def unpack_rows(program: EncoderProgram, output: npt.NDArray[Any]) -> list[Rows]:
    """Return the true rows of each sequence of ``predict``'s output: int16 [l, d].

    Raises:
        EngineError: a header, or what lies behind the true rows, is not what the nodes write.
    """
    shape = program.shape
    outputs: list[Rows] = []
    for row in np.asarray(output).reshape(-1, BEAT * beats(program)):
        length = int(row[0])
        end = BEAT + length * shape.hidden
        if not 1 <= length <= shape.max_len or row[1:BEAT].any() or row[end:].any():
            raise EngineError(
                f"hls4ml gave no sequence: header {row[:BEAT].tolist()}; compile the model again"
            )
        outputs.append(row[BEAT:end].astype(np.int16).reshape(length, shape.hidden))
    return outputs


def encode(graph: Any, program: EncoderProgram, rows: Sequence[Rows]) -> list[Rows]:
    """Run h int16 [l, d] of each sequence through a compiled ``graph``; return the final h.

    Raises:
        InputError: see :func:`pack_rows`.
        EngineError: the model is not compiled, or gave no sequence.
    """
    packed = pack_rows(program, rows)
    with hls4ml_step("predict"):
        output = graph.predict(packed)
    return unpack_rows(program, output)
