# SPDX-License-Identifier: Apache-2.0
"""The fused nodes as hls4ml's Extension API wants them: layers, templates, sources, a pass of the writer.

Import this module only behind :func:`~batflow.hls.hls4ml.tool.require_hls4ml`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.attributes import Attribute, WeightAttribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.optimizer import ModelOptimizerPass
from hls4ml.model.types import IntegerPrecisionType

from ..config import AcceleratorConfig
from ..csim_build import ABI_HEADER, CONFIG_MEMBERS, KERNELS

BACKEND = "Vitis"
HEADER = Path(__file__).parent / "nnet_bat.hpp"
CSIM_ONLY = ("bat_top", "csim_", "byte_queue")
"""How the kernel sources begin that a project does not use."""


def kernel_headers() -> list[Path]:
    """Return the headers that go into a project: the kernels and the nodes' own."""
    kernels = [path for path in sorted(KERNELS.glob("*.hpp")) if not path.name.startswith(CSIM_ONLY)]
    return [*kernels, HEADER]


class BatModule(Layer):  # type: ignore[misc]
    """A module of an encoder layer: int16 beats in, the same form out.

    Attributes: ``module`` mha or ffn, ``layer_index``, ``fields`` (:class:`~.tables.NodeTable`),
    ``model_shape`` and ``sizes`` by name (:class:`~..program.Shape`, the kernels' Config),
    ``image_data`` uint64 words. Plain values, which hls4ml can save.
    """

    _expected_attributes = [  # noqa: RUF012  # the name and form that hls4ml reads
        *(Attribute(name, value_type=kind) for name, kind in (("module", str), ("layer_index", int))),
        *(Attribute(name, value_type=dict) for name in ("fields", "model_shape", "sizes")),
        WeightAttribute("image"),
    ]

    def initialize(self) -> None:
        """Declare the output stream and the weights."""
        shape = list(self.get_input_variable().shape)
        self.add_output_variable(shape, precision=IntegerPrecisionType(16, signed=True))
        self.add_weights_variable("image", "image{index}", precision=IntegerPrecisionType(64, signed=False))


class BatMha(BatModule):
    """Attention: attn_in to attn_out."""


class BatFfn(BatModule):
    """Feed-forward: ffn_in to ffn_out."""


LAYERS: dict[str, type[BatModule]] = {"mha": BatMha, "ffn": BatFfn}


def kernel_sizes(config: AcceleratorConfig) -> dict[str, int]:
    """Return the members of the kernels' Config struct."""
    return {member: getattr(config, name) for member, name in CONFIG_MEMBERS.items()}


def _sizes(sizes: dict[str, int]) -> list[str]:
    members = [f"    static constexpr int {member} = {value};" for member, value in sizes.items()]
    # Once a project: equal types let the compiler share the kernels between layers.
    return ["#ifndef BAT_SIZES_", "#define BAT_SIZES_", "struct bat_sizes {", *members, "};", "#endif"]


def _shape(shape: dict[str, int]) -> str:
    dims = ", ".join(str(shape[name]) for name in ("layers", "hidden", "heads", "ffn", "max_len"))
    return f"    static bat::ProgramShape shape() {{ return {{0, 0, 0, {dims}}}; }}"


class BatConfig(LayerConfigTemplate):  # type: ignore[misc]
    """Writes a node's config struct: sizes, shape, descriptor."""

    def __init__(self) -> None:
        super().__init__(list(LAYERS.values()))

    def format(self, node: Any) -> str:
        """Return the struct ``config{index}``."""
        fields = [
            f"        d.field[bat::image::D_{name.upper()}] = {value}LL;"
            for name, value in node.get_attr("fields").items()
        ]
        lines = [
            *_sizes(node.get_attr("sizes")),
            f"struct config{node.index} {{",
            "    typedef bat_sizes sizes;",
            f"    static const unsigned tokens = {node.get_attr('model_shape')['max_len']};",
            f"    static const int layer = {node.get_attr('layer_index')};",
            _shape(node.get_attr("model_shape")),
            "    static bat::Descriptor descriptor() {",
            "        bat::Descriptor d = {};",
            *fields,
            "        return d;",
            "    }",
            "};",
        ]
        return "\n".join(lines) + "\n"


class BatCall(FunctionCallTemplate):  # type: ignore[misc]
    """Writes the call of a node's function."""

    def __init__(self) -> None:
        super().__init__(list(LAYERS.values()), include_header=[f"nnet_utils/{HEADER.name}"])

    def format(self, node: Any) -> str:
        """Return the call."""
        names = self._default_function_params(node)
        types = f"{names['input_t']}, {names['output_t']}, {names['config']}"
        image = node.get_weights("image").name
        return f"nnet::bat_{node.get_attr('module')}<{types}>({names['input']}, {names['output']}, {image});"


class FinishProject(ModelOptimizerPass):  # type: ignore[misc]
    """Mends what hls4ml has written of a model with fused nodes: its weights, and the C++ standard.

    hls4ml prints integers through a float of 53 bits; the words have 64. C simulation of the kernels
    needs C++17.
    """

    def __init__(self) -> None:
        self.name = "bat_finish_project"

    def transform(self, model: Any) -> bool:
        """Rewrite the weights of the fused nodes and the flags of the scripts."""
        folder = Path(model.config.get_output_dir())
        nodes = [node for node in model.get_layers() if isinstance(node, BatModule)]
        for node in nodes:
            words = node.get_weights("image")
            words.precision_fmt = "{:#018x}"
            model.config.backend.writer.print_array_to_cpp(words, str(folder))
        for name in ("build_prj.tcl", "build_lib.sh") if nodes else ():
            text = (folder / name).read_text()
            text = text.replace("-std=c++0x", "-std=c++17").replace("-std=c++11", "-std=c++17")
            (folder / name).write_text(text)
        return False


@functools.cache
def register() -> None:
    """Register layers, templates, sources and the pass with hls4ml's Vitis backend, once."""
    backend = get_backend(BACKEND)
    for layer in LAYERS.values():
        register_layer(layer.__name__, layer)
    backend.register_template(BatConfig)
    backend.register_template(BatCall)
    for header in kernel_headers():
        backend.register_source(header.resolve())
    # sim_trace.hpp reads it from the folder above its own.
    backend.register_source(ABI_HEADER.resolve(), destination_dir=".")
    backend.register_pass("bat_finish_project", FinishProject, flow="vitis:write")
