# SPDX-License-Identifier: Apache-2.0
"""QU and VU in RTL: exact in every format and order, on time to the clock, sound under stress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.cosim_qmm import Product, product_streams, weight_operand
from batflow.hls.cosim_vector import QuUnit, VuUnit
from batflow.hls.program import Format
from batflow.hls.qmm_protocol import operand, plan
from batflow.hls.reference.encoder import Reference
from batflow.hls.vector_protocol import ScaleJob, scale_constants, stream, untile

from .programs import random_ids, random_program
from .rtl_engines import engine as qmm_engine
from .rtl_engines import random_acts, random_weights
from .rtl_vectors import CONFIGS, FORMATS, MOST_C, NAMES, expected, random_job, run_jobs, unit


@NAMES
def test_random_jobs_back_to_back_equal_the_reference_on_time(name: str) -> None:
    rng = np.random.default_rng(1)
    seen: set[int] = set()
    for trial in range(40):
        jobs = [random_job(rng, name) for _ in range(rng.integers(1, 7))]
        assert run_jobs(name, jobs) == unit(name).cycles(jobs), f"trial {trial}"
        seen |= {int(value) for job in jobs for value in expected(job)[0].ravel()}
    assert len(seen) > 190  # the jobs spread, or equality would prove little


@NAMES
def test_tiny_jobs_wait_for_the_pipeline(name: str) -> None:
    rng = np.random.default_rng(2)
    jobs = [random_job(rng, name, rows=1, channels=1 + n % 2, plain=True) for n in range(30)]
    assert run_jobs(name, jobs) == unit(name).cycles(jobs)


def test_closed_form_of_the_headers() -> None:
    rng = np.random.default_rng(3)
    for name, depth in (("qu", 9), ("vu_pair", 10)):
        job = random_job(rng, name, rows=6, channels=30)
        lanes = CONFIGS[name].lanes
        assert unit(name).cycles([job]) == job.constant_beats + job.beats(lanes) + depth


@pytest.mark.parametrize("name", ["qu", "qu_pair", "qu_narrow"])
def test_every_format_at_its_bounds_and_ties(name: str) -> None:
    """Levels on both sides of every bound, of zero, and exactly at halves."""
    config = CONFIGS[name]
    for shift in (0, 1, 7, 40):
        step = 1 << shift
        levels = np.array([-300, -256, -129, -128, -2, -1, 0, 1, 2, 127, 128, 255, 256, 300])
        C = np.concatenate([levels * step + offset for offset in (-(step // 2), -1, 0, step // 2, step - 1)])
        C = C[np.abs(C) <= MOST_C]
        accs = np.zeros((config.parts, 2, 12), np.int64)
        jobs = []
        for start in range(0, len(C) - 11, 12):
            for target in FORMATS:
                M = np.ones((config.parts, 12), np.int64)
                jobs.append(ScaleJob(accs, M, C[start : start + 12], shift, target))
        assert run_jobs(name, jobs) == unit(name).cycles(jobs)


@NAMES
def test_extreme_operands(name: str) -> None:
    config = CONFIGS[name]
    most = (1 << config.acc_bits - 1) - 1
    corners = [
        (acc, M, C, h)
        for acc in (-most - 1, most, -most, -1, 0, 1)
        for M in (-(1 << 15), (1 << 15) - 1, 0, 1)
        for C in (-MOST_C, MOST_C, 0)
        for h in (-(1 << 15), (1 << 15) - 1)
    ]
    grid = np.array(corners)
    for shift in (0, 17, 39, 40):
        jobs = []
        for part in np.array_split(grid, 6):
            accs = np.stack([part[:, 0][None]] * config.parts)
            M, C = np.stack([part[:, 1]] * config.parts), part[:, 2]
            h = part[:, 3][None] if name.startswith("vu") else None
            jobs.append(ScaleJob(accs, M, C, shift, None if h is not None else Format(8, True), h))
        assert run_jobs(name, jobs) == unit(name).cycles(jobs)


def test_single_runs_and_the_worked_example() -> None:
    """The last lines of docs/numerics.md, and one residual by hand."""
    qu, vu = unit("qu"), unit("vu_pair")
    assert isinstance(qu, QuUnit) and isinstance(vu, VuUnit)
    q, cycles = qu.run(np.array([[[-7]]]), np.array([[26214]]), np.array([78643]), 17, Format(4, True))
    assert (q.tolist(), cycles) == ([[-1]], 2 + 1 + 9)
    h = np.array([[32767, -32768, 5]])
    accs = np.array([[[1, -1, 3]], [[0, 0, -9]]])
    r, _, saturations = vu.run(h, accs, np.array([[4], [2]]), np.array([2]), 2)
    assert (r.tolist(), saturations) == ([[32767, -32768, 4]], 2)


@NAMES
@pytest.mark.parametrize("stalls", [(50, 0), (0, 50), (90, 90)])
def test_backpressure_changes_nothing_but_time(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(stalls))
    slower = 0
    for seed in range(1, 9):
        jobs = [random_job(rng, name) for _ in range(4)]
        cycles = run_jobs(name, jobs, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
        assert cycles >= unit(name).cycles(jobs)
        slower += cycles - unit(name).cycles(jobs)
    assert slower > 0


@NAMES
def test_reset_in_mid_job_leaves_no_trace(name: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        jobs = [random_job(rng, name), random_job(rng, name)]
        cut = int(rng.integers(1, unit(name).cycles(jobs)))
        with pytest.raises(EngineError, match="did not finish within its bound"):
            unit(name).run_jobs(jobs, max_cycles=cut)
        assert run_jobs(name, jobs) == unit(name).cycles(jobs)


@NAMES
def test_one_wrong_constant_shows_in_its_channel_alone(name: str) -> None:
    rng = np.random.default_rng(6)
    job = random_job(rng, name, rows=7, channels=19)
    parts = len(job.accs)
    job = replace(job, M=np.ones((parts, 19), np.int64), C=np.zeros(19, np.int64), shift=0)
    job = replace(job, accs=rng.integers(-1, 2, job.accs.shape), target=job.target and Format(4, True))
    wrong = replace(job, C=job.C + 2 * (np.arange(19) == 13))
    engine = unit(name)
    good, bad = (engine.run_jobs([each])[0][0] for each in (job, wrong))
    assert np.array_equal(good, expected(job)[0])
    assert set(np.argwhere(good != bad)[:, 1].tolist()) == {13}


def test_the_tiles_of_the_qmm_engine_go_straight_in() -> None:
    """Accumulators as the engine leaves them, padding rows and columns (not 0 here) included."""
    rng = np.random.default_rng(8)
    engine, qu = qmm_engine("demo"), unit("qu")
    acts, weights = random_acts(rng, 6, 70, 1, True), random_weights(rng, 35, 70, "binary", 1)
    product = Product(operand(acts, 1, True, "activations"), weight_operand(weights, "binary", 1, 70))
    jobs = plan(engine.config, product.acts, product.weights)
    tokens, outputs = engine.config.tokens, engine.config.outputs
    streams, result_beats = product_streams(engine.config, [product], [jobs])
    results = engine.sim.run(streams, [result_beats])
    accs = (acts @ weights.T)[None]
    lanes = qu.config.lanes
    target = Format(4, True)
    M, C = rng.integers(900, 1200, (1, 35)), rng.integers(-4096, 4096, 35)
    job = ScaleJob(accs, M, C, 12, target, tile_rows=tokens, tile_words=outputs // lanes)
    beats = stream(results.outputs[0].data.reshape(-1, 4 * lanes))
    run = qu.sim.run([scale_constants(job, lanes), beats], [job.beats(lanes)])
    found = untile(run.outputs[0].data, job.grid(lanes), lanes, "<i1")
    assert beats.data.view("<i4").reshape(2, 3, 4, 16)[1, :, 2:].any()
    assert np.array_equal(found[:6, :35], expected(job)[0])
    assert not found[6:].any() and not found[:, 35:].any()


@pytest.mark.parametrize("bits", [1, 4])
def test_sites_of_a_program(bits: int) -> None:
    """A WTWS layer: every requantization and both residuals, from the reference's own tensors."""
    program = random_program(9, layers=1, hidden=32, ffn=40, bits=bits, kind="wtws")
    layer = program.layers[0]
    taps = Reference(program).run(random_ids(9, program, 11)).taps
    qu, vu = unit("qu_pair"), unit("vu_pair")
    assert isinstance(qu, QuUnit) and isinstance(vu, VuUnit)
    for site, h in (("attn_in", taps["embed"]), ("ffn_in", taps["L0.attn_out"])):
        k = layer.dyadics[site]
        M, accs = np.array([[k.M], [0]]), np.stack([h, np.zeros_like(h)])
        q, _ = qu.run(accs, M, np.array([k.C]), k.shift, layer.formats[site])
        assert np.array_equal(q, taps[f"L0.{site}"]), site
    for name, source in (("q", "attn_in"), ("k", "attn_in"), ("v", "attn_in"), ("ffn_mid", "ffn_in")):
        matrix = layer.matrices["ffn1" if name == "ffn_mid" else name]
        accs = np.stack([taps[f"L0.{source}"] @ part.T for part in matrix.parts()])
        q, _ = qu.run(accs, matrix.M, matrix.C, matrix.shift, layer.formats[name])
        assert np.array_equal(q, taps[f"L0.{name}"]), name
        assert len(np.unique(q)) > 1
    for name, source, h, total in (
        ("o", "ctx", taps["embed"], "attn_sum"),
        ("ffn2", "ffn_mid", taps["L0.attn_out"], "ffn_sum"),
    ):
        matrix = layer.matrices[name]
        accs = np.stack([taps[f"L0.{source}"] @ part.T for part in matrix.parts()])
        r, _, _ = vu.run(h, accs, matrix.M, matrix.C, matrix.shift)
        assert np.array_equal(r, taps[f"L0.{total}"]), total
