# SPDX-License-Identifier: Apache-2.0
"""A student that starts from another student: fewer bits of activations, or split weights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import torch

from batflow.errors import InputError

from .brevitas_bridge import elastic_of, weight_of, weight_quant_of
from .classifier import BmtClassifier
from .config import LINEARS, SITES, TWO_PART_KINDS, BmtConfig, SplitForm
from .encoder import QuantLayer


def split_student(
    ternary: BmtClassifier, kind: str = "wtws", form: SplitForm = "binarybert"
) -> BmtClassifier:
    """Return ``ternary`` with every weight as the exact sum of two binary matrices.

    Its outputs in training mode equal those of ``ternary`` bit for bit: halving a coefficient is
    exact in float. Bits, biases, activations, norms, head and fraction bits are those of ``ternary``.

    Args:
        ternary: a student of weight kind ``ternary``.
        kind: ``wtws`` (one trained coefficient for each half) or ``tws`` (one for both).
        form: see ``SplitForm``.

    Raises:
        InputError: another weight kind, or weights that cannot be split.
    """
    if kind not in TWO_PART_KINDS:
        raise InputError(f"a split gives weights of kind tws or wtws, not {kind!r}")
    config = BmtConfig.create(**(ternary.config.model_dump() | {"weight": kind}))
    return continue_student(ternary, config, form)


@torch.no_grad()
def continue_student(
    source: BmtClassifier, config: BmtConfig, form: SplitForm = "binarybert"
) -> BmtClassifier:
    """Return a student of ``config`` that starts from the parameters of ``source``.

    The weight kind stays, or goes from ternary to a split of ``form``. Quantizers of sites whose bits change
    (:func:`changed_sites`) are at their defaults: calibrate them.

    Raises:
        InputError: the configs differ in more than bits and weight, or the kinds do not follow.
    """
    _check_continuation(source.config, config)
    student = BmtClassifier(config, source.embeddings)
    copy_layers(student, source, form)
    student.head.load_state_dict(source.head.state_dict())
    if source.config.bits == config.bits:
        student.frac_bits = list(source.frac_bits)
    return student.train(source.training)


@torch.no_grad()
def copy_layers(student: BmtClassifier, source: BmtClassifier, form: SplitForm = "binarybert") -> None:
    """Copy every layer of ``source`` into ``student``, but for the quantizers of sites whose bits differ."""
    kept = set(SITES) - set(changed_sites(source.config, student.config))
    for own, given in zip(student.encoder.quant_layers(), source.encoder.quant_layers(), strict=True):
        for name in LINEARS:
            _copy_linear(own.linear[name], given.linear[name], form)
        _copy_sites(own, given, kept)
        own.ln1.load_state_dict(given.ln1.state_dict())
        own.ln2.load_state_dict(given.ln2.state_dict())


def changed_sites(before: BmtConfig, after: BmtConfig) -> tuple[str, ...]:
    """Return the activation sites whose bits differ."""
    return tuple(site for site in SITES if before.bits[site] != after.bits[site])


def differing_fields(before: BmtConfig, after: BmtConfig, free: Collection[str]) -> list[str]:
    """Return the fields outside of ``free`` in which two configs differ."""
    fields = (name for name in BmtConfig.model_fields if name not in free)
    return [name for name in fields if getattr(before, name) != getattr(after, name)]


def _check_continuation(before: BmtConfig, after: BmtConfig) -> None:
    differing = differing_fields(before, after, ("bits", "weight"))
    if differing:
        raise InputError(f"a student goes on with the same {differing[0]}; start it from its teacher instead")
    splits = before.weight == "ternary" and after.weight in TWO_PART_KINDS
    if before.weight != after.weight and not splits:
        raise InputError(
            f"a student cannot go from {before.weight} to {after.weight} weights; ternary weights can be "
            "split (tws, wtws), others start from the teacher"
        )


def _copy_linear(own: Any, given: Any, form: SplitForm) -> None:
    target, source = weight_quant_of(own), weight_quant_of(given)
    weight = weight_of(own)
    weight.copy_(weight_of(given))
    cast(torch.Tensor, own.bias).copy_(given.bias)
    if target.kind != source.kind:
        target.start_split(weight, source.patterns(weight)[0], source.coefficient, form)
        return
    target.coefficient.copy_(source.coefficient)
    if target.kind in TWO_PART_KINDS:
        target.second.copy_(source.second)


def _copy_sites(own: QuantLayer, given: QuantLayer, sites: set[str]) -> None:
    for site in sites:
        target, source = elastic_of(own.site[site]), elastic_of(given.site[site])
        target.alpha.copy_(source.alpha)
        target.beta.copy_(source.beta)
