# SPDX-License-Identifier: Apache-2.0
"""A student's parameters as trained, latent weights and all: where a student of another task can start.

Binary weights need some thousand steps to settle, more than a small task has in an epoch or ten.
A student that has settled on more text, with the same pretrained encoder, is a better start for
them than the task's float teacher (intermediate training; ours for binarized students).
"""

from __future__ import annotations

import json
from pathlib import Path

from batflow.errors import InputError

from .classifier import BmtClassifier
from .config import BmtConfig
from .parameters import read_parameters, refused_as, save_parameters
from .training import restore
from .transfer import changed_sites, copy_layers, differing_fields

FREE_FIELDS = frozenset({"task", "labels", "classes", "regression", "max_len", "bits"})
"""What may differ between the two students."""


def save_latents(model: BmtClassifier, path: Path, source: dict[str, str]) -> None:
    """Write every trained parameter as safetensors.

    Args:
        model: the student; its frozen embedding tables are not in the file.
        path: target, written atomically.
        source: ``PretrainedEncoder.source`` of its embeddings.
    """
    save_parameters(model, model.config, path, {"pretrained": json.dumps(source, sort_keys=True)})


def adopt_latents(model: BmtClassifier, path: Path, source: dict[str, str]) -> tuple[str, ...]:
    """Copy all parameters but the head's from ``path`` into ``model``.

    Returns:
        The sites whose bits differ; their quantizers stay as they are: calibrate them.

    Raises:
        FormatError: the file is absent, corrupt, or no such file.
        InputError: the students differ in more than task and bits, or in the pretrained encoder.
    """
    what, remedy = "a student with latent weights", "train one with keep_latents=true"
    with refused_as(path, what, remedy):
        config, about, state = read_parameters(path)
        origin = json.loads(about["pretrained"])
    _check(model.config, config, path)
    if origin != source:
        raise InputError(f"{path} has another pretrained encoder; start from a student of the same one")
    given = BmtClassifier(config, model.embeddings)
    with refused_as(path, what, remedy):
        restore(given, state)
    copy_layers(model, given)
    model.embeddings.norm.load_state_dict(given.embeddings.norm.state_dict())
    return changed_sites(config, model.config)


def _check(own: BmtConfig, given: BmtConfig, path: Path) -> None:
    for name in differing_fields(own, given, FREE_FIELDS):
        raise InputError(
            f"{path} has {name} {getattr(given, name)}, this student {getattr(own, name)};"
            " start from one that differs in task and activation bits alone"
        )
