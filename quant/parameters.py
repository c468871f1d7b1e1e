# SPDX-License-Identifier: Apache-2.0
"""A model's trained parameters as safetensors, with its config: teachers, and students with latents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn

from batflow.errors import FormatError
from batflow.files import atomic_path

from .config import BmtConfig


def save_parameters(model: nn.Module, config: BmtConfig, path: Path, about: dict[str, str]) -> None:
    """Write the state of ``model`` atomically; ``about`` are further texts of the header."""
    from safetensors.torch import save_file

    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, str(temporary), metadata={"config": config.model_dump_json(), **about})


def read_parameters(path: Path) -> tuple[BmtConfig, dict[str, str], dict[str, Tensor]]:
    """Return (config, header, state); call it inside :func:`refused_as`."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as handle:
        about = dict(handle.metadata())
        config = BmtConfig.model_validate_json(about["config"])
        return config, about, {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118


@contextlib.contextmanager
def refused_as(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn what a file that is not ``what`` causes into one line.

    Raises:
        FormatError: the file is absent, corrupt or of another shape.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as exc:
        raise FormatError(f"{path} is not {what} ({' '.join(str(exc).split())}); {remedy}") from exc
