# SPDX-License-Identifier: Apache-2.0
"""A student's parameters as trained, latent weights and all: where a student of another task can start.

Binary weights need some thousand steps to settle, more than a small task has in an epoch or ten.
A student that has settled on more text, with the same pretrained encoder, is a better start for
them than the task's float teacher (intermediate training; ours for binarized students).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from batflow.errors import FormatError, InputError
from batflow.files import atomic_path

from .classifier import BmtClassifier
from .config import SITES, BmtConfig
from .transfer import changed_sites

TASK_FIELDS = frozenset({"task", "labels", "classes", "regression", "max_len"})
"""What may differ between the two students, beside the bits of activations."""


def save_latents(model: BmtClassifier, path: Path, source: dict[str, str]) -> None:
    """Write every trained parameter as safetensors.

    Args:
        model: the student; its frozen embedding tables are not in the file.
        path: target, written atomically.
        source: ``PretrainedEncoder.source`` of its embeddings.
    """
    from safetensors.torch import save_file

    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    about = {"config": model.config.model_dump_json(), "pretrained": json.dumps(source, sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(state, str(temporary), metadata=about)


@torch.no_grad()
def adopt_latents(model: BmtClassifier, path: Path, source: dict[str, str]) -> tuple[str, ...]:
    """Copy all parameters but the head's from ``path`` into ``model``.

    Returns:
        The sites whose bits differ; their quantizers stay as they are: calibrate them.

    Raises:
        FormatError: the file is absent, corrupt, or no such file.
        InputError: the students differ in more than task and bits, or in the pretrained encoder.
    """
    config, origin, state = _read(path)
    _check(model.config, config, path)
    if origin != source:
        raise InputError(f"{path} has another pretrained encoder; start from a student of the same one")
    changed = changed_sites(config, model.config)
    own = model.state_dict()
    for name, value in own.items():
        if not name.startswith("head.") and not _of_site(name, changed):
            if name not in state or state[name].shape != value.shape:
                raise FormatError(f"{path} lacks the tensor {name} {tuple(value.shape)}; train it again")
            value.copy_(state[name])
    return changed


def _read(path: Path) -> tuple[BmtConfig, dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as handle:
            about = handle.metadata()
            config = BmtConfig.model_validate_json(about["config"])
            state = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        return config, dict(json.loads(about["pretrained"])), state
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as exc:
        text = " ".join(str(exc).split())
        raise FormatError(
            f"{path} is not a student with latent weights ({text}); train one with keep_latents=true"
        ) from exc


def _check(own: BmtConfig, given: BmtConfig, path: Path) -> None:
    for name in BmtConfig.model_fields:
        if name in TASK_FIELDS or name == "bits" or getattr(own, name) == getattr(given, name):
            continue
        raise InputError(
            f"{path} has {name} {getattr(given, name)}, this student {getattr(own, name)};"
            " start from one that differs in task and activation bits alone"
        )


def _of_site(name: str, sites: tuple[str, ...]) -> bool:
    """Return whether ``name`` is a parameter of the quantizer of one of ``sites``."""
    parts = name.split(".")
    return any(site in sites and parts[at - 1] == "site" for at, site in enumerate(parts) if site in SITES)
