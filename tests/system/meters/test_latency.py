"""How latencies are measured: intervals against closed forms, the course of a measurement on a
machine that is simulated, locks and load with real processes, and ``nasframe-latency``."""

from __future__ import annotations

import gc
import itertools
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from throwaway import Shell, shell

from nasframe import NasframeError
from nasframe.meters.latency.contention import CONTENDED_CORES, OtherLoad
from nasframe.meters.latency.inputs import flush_denormals
from nasframe.meters.latency.intervals import (
    BLOCKS,
    compute_interval,
    find_bound_rank,
    split_into_blocks,
)
from nasframe.meters.latency.timing import (
    LEAST_SECONDS,
    SAMPLE_SECONDS,
    TIMED_SECONDS,
    TimedRun,
    Timing,
    measure_pairs,
)
from nasframe.meters.latency.torch_runtime import TorchRuntime
from nasframe.storage.locks import exclusive_lock
from nasframe.zoo.lookup import look_up_network

pytestmark = pytest.mark.alone

TIMES = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=80)


@pytest.mark.parametrize("count", [*range(6, 60), 100, 1001])
def test_the_interval_of_a_median_holds_95_percent_and_is_the_shortest_that_does(
    count: int,
) -> None:
    # The true median is outside if fewer than k of n coins show heads, or fewer than k tails.
    k = find_bound_rank(count)
    assert 1 - 2 * binom.cdf(k - 1, count, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(k, count, 0.5) < 0.95


def test_17_blocks_are_as_near_to_95_percent_as_few_blocks_can_be() -> None:
    coverage = {n: 1 - 2 * binom.cdf(find_bound_rank(n) - 1, n, 0.5) for n in range(6, 25)}
    assert min(coverage, key=coverage.__getitem__) == BLOCKS
    assert coverage[BLOCKS] == pytest.approx(0.951, abs=0.0005)
    assert all(1 - 2 * 0.5**n < 0.95 for n in range(1, 6)), "and below six there is none"


@given(TIMES)
def test_blocks_are_all_values_in_order_and_as_equal_as_can_be(values: list[float]) -> None:
    blocks = split_into_blocks(values)
    sizes = [len(block) for block in blocks]
    assert [value for block in blocks for value in block] == values
    assert len(blocks) == min(BLOCKS, len(values))
    assert max(sizes) - min(sizes) <= 1


@given(TIMES)
def test_an_interval_encloses_its_median_and_lies_within_the_values(values: list[float]) -> None:
    found = compute_interval(values)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)


def test_an_interval_does_not_heed_outliers() -> None:
    values = [1.0 + 0.001 * (i % 7) for i in range(400)]
    spoilt = [50.0 if i % 3 == 0 else value for i, value in enumerate(values)]
    assert compute_interval(spoilt).high <= max(values)


def covers(draw: Callable[[random.Random], list[float]], truth: float, times: int) -> float:
    """How often the interval of drawn values encloses the true median."""
    generator = random.Random(0)
    found = [compute_interval(draw(generator)) for _ in range(times)]
    return mean(one.low <= truth <= one.high for one in found)


def test_independent_values_of_any_distribution_are_covered() -> None:
    def skewed(generator: random.Random) -> list[float]:
        return [generator.lognormvariate(0, 1) for _ in range(BLOCKS)]

    assert covers(skewed, 1.0, 4000) == pytest.approx(0.951, abs=0.011)  # three sigma


def test_values_that_stick_together_are_covered_too() -> None:
    """Where an interval for independent values misses the median in two cases of three."""

    def sticky(generator: random.Random) -> list[float]:
        values, noise = [], generator.gauss(0, 1)
        for _ in range(1000):
            noise = 0.9 * noise + math.sqrt(1 - 0.9**2) * generator.gauss(0, 1)
            values.append(10 + noise)
        return values

    assert covers(sticky, 10.0, 500) > 0.92
    bound, generator = find_bound_rank(1000), random.Random(0)
    naive = [sorted(sticky(generator)) for _ in range(500)]
    assert mean(v[bound - 1] <= 10.0 <= v[-bound] for v in naive) < 0.5


@dataclass
class Machine:
    """A clock that nothing but networks moves on."""

    now: float = 0.0
    calls: list[tuple[str, int]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def network(self, name: str, seconds: Callable[[], float]) -> TimedRun:
        """A network whose runs take so long."""

        def run(repeats: int) -> float:
            self.calls.append((name, repeats))
            taken = sum(seconds() for _ in range(repeats))
            self.now += taken
            return taken

        return run

    def measure(
        self, subject: Callable[[], float], reference: Callable[[], float], seconds: float = 5
    ) -> Timing:
        pair = (self.network("subject", subject), self.network("reference", reference))
        (timing,) = measure_pairs([pair], width=0.02, seconds=seconds, clock=self.clock)
        return timing


def test_quiet_networks_are_exact_and_done_after_the_least_time() -> None:
    machine = Machine()
    timing = machine.measure(lambda: 0.012, lambda: 0.004)
    assert (timing.ms.low, timing.ms.median, timing.ms.high) == pytest.approx((12, 12, 12))
    assert (timing.ratio.low, timing.ratio.high) == pytest.approx((3, 3))
    assert timing.converged
    assert LEAST_SECONDS < machine.now < 3 * LEAST_SECONDS


def test_noisy_networks_are_measured_until_the_time_is_over() -> None:
    machine, draw = Machine(), random.Random(0)
    timing = machine.measure(lambda: draw.uniform(0.01, 0.03), lambda: draw.uniform(0.01, 0.03))
    assert not timing.converged
    assert timing.ratio.width > 0.02
    assert 4.8 < machine.now <= 5
    assert timing.ratio.low < 1 < timing.ratio.high


def test_a_network_that_takes_longer_than_the_time_is_run_all_the_same() -> None:
    machine = Machine()
    timing = machine.measure(lambda: 30.0, lambda: 0.005)
    assert timing.ms.median == pytest.approx(30_000)
    assert timing.runs == 2
    assert not timing.converged, "one ratio is no interval"


def test_what_comes_before_the_machine_is_warm_does_not_count() -> None:
    machine = Machine()

    def warming() -> float:
        return 0.01 if machine.now > 0.3 else 0.05

    timing = machine.measure(warming, lambda: 0.01)
    assert (timing.ms.low, timing.ms.high) == pytest.approx((10, 10))


def test_a_drift_of_the_machine_cancels_in_the_ratio() -> None:
    machine = Machine()
    timing = machine.measure(
        lambda: 0.03 * (1 + machine.now), lambda: 0.03 * (1 + machine.now), seconds=4
    )
    # Always in one order, the one that comes second would be slower by 3 %.
    assert timing.ratio.median == pytest.approx(1, abs=0.002)
    assert timing.ms.width > 0.5


def test_short_networks_are_sampled_when_they_are_in_the_caches_again() -> None:
    machine, hot = Machine(), [0]

    def subject() -> float:
        hot[0] += 1
        return 0.001 if hot[0] > 5 else 0.0015

    def reference() -> float:
        hot[0] = 0
        return 0.001

    timing = machine.measure(subject, reference)
    assert timing.ms.median == pytest.approx(1)
    lead = round(SAMPLE_SECONDS / 0.001)
    own = [call for call in machine.calls if call[0] == "subject"]
    assert own[-1 - lead :] == [("subject", lead), *lead * [("subject", 1)]]


def test_tiny_networks_are_run_several_times_for_one_look_at_the_clock() -> None:
    machine = Machine()
    timing = machine.measure(lambda: 0.00001, lambda: 0.001)
    assert timing.ms.median == pytest.approx(0.01)
    assert machine.calls[-1] == ("subject", round(TIMED_SECONDS / 0.00001))
    assert timing.runs % round(SAMPLE_SECONDS / 0.00001) == 0


def test_interruptions_do_not_count_unless_they_are_the_rule() -> None:
    """Others take the core for 4 ms after each 5 ms: few runs are hit, and nearly all samples."""
    machine, end = Machine(), [0.005]

    def interrupted() -> float:
        if machine.now > end[0]:
            end[0] = machine.now + 0.005
            return 0.0045
        return 0.0005

    timing = machine.measure(interrupted, interrupted)
    assert timing.ms.high == pytest.approx(0.5)
    assert timing.ratio.width == pytest.approx(0)


@pytest.mark.slow
def test_the_ratio_is_covered_on_a_machine_whose_noise_lasts() -> None:
    """Also with the rule that stops: it must not wait for an interval narrow by chance."""

    def covered(seed: int) -> bool:
        draw, machine, noise = random.Random(seed), Machine(), [0.0]

        def disturbed(seconds: float) -> Callable[[], float]:
            def one() -> float:
                noise[0] = 0.98 * noise[0] + 0.2 * draw.gauss(0, 1)
                return seconds * (1.3 if noise[0] > 1.2 else 1) * draw.lognormvariate(0, 0.05)

            return one

        ratio = machine.measure(disturbed(0.024), disturbed(0.012)).ratio
        return ratio.low <= 2 <= ratio.high

    assert mean(covered(seed) for seed in range(60)) > 0.9


def test_several_networks_are_measured_in_turns() -> None:
    machine = Machine()
    pairs = [
        (
            machine.network(f"subject {i}", lambda i=i: 0.03 * (i + 1)),
            machine.network("r", lambda: 0.03),
        )
        for i in range(3)
    ]
    timings = measure_pairs(pairs, width=0.02, seconds=5, clock=machine.clock)
    assert [timing.ratio.median for timing in timings] == pytest.approx([1, 2, 3])
    turn = [name for i in range(3) for name in (f"subject {i}", "r", "r", f"subject {i}")]
    assert [name for name, _ in machine.calls][-24:] == turn + turn


def test_garbage_is_not_collected_meanwhile_and_is_afterwards() -> None:
    machine = Machine()
    enabled = []
    machine.measure(lambda: enabled.append(gc.isenabled()) or 0.01, lambda: 0.01)
    assert set(enabled) == {False}
    assert gc.isenabled()

    def fails(repeats: int) -> float:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        measure_pairs([(fails, fails)], width=0.02, seconds=1)
    assert gc.isenabled()


def convolution() -> tuple[torch.nn.Module, torch.Tensor]:
    return torch.nn.Conv2d(16, 32, 3, padding=1).eval(), torch.randn(1, 16, 48, 48)


class Thrice(torch.nn.Module):
    """Does the same work three times."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.network(x)
        self.network(x)
        return self.network(x)


def test_three_times_the_work_takes_three_times_as_long() -> None:
    runtime = TorchRuntime()
    network, x = convolution()
    one, three = runtime.prepare(network, (x,)), runtime.prepare(Thrice(network), (x,))
    (timing,) = measure_pairs([(three, one)], width=0.05, seconds=4)
    assert timing.ratio.median == pytest.approx(3, rel=0.15)


def test_milliseconds_are_those_of_a_loop_by_hand() -> None:
    network, x = convolution()
    run = TorchRuntime().prepare(network, (x,))
    times, measured = [], []
    with torch.inference_mode():
        for _ in range(5):
            (timing,) = measure_pairs([(run, run)], width=0.05, seconds=0.6)
            measured.append(timing.ms.median)
            for _ in range(100):
                start = time.perf_counter()
                network(x)
                times.append(1000 * (time.perf_counter() - start))
    assert median(measured) == pytest.approx(median(times), rel=0.3)


def test_small_numbers_are_zeros_inside_the_block_alone() -> None:
    x = torch.full((3,), 1e-40)
    for before in (False, True):
        torch.set_flush_denormal(before)
        with flush_denormals():
            assert not (x * 1).count_nonzero()
        assert bool((x * 1).count_nonzero()) is not before
    torch.set_flush_denormal(False)


BUSY = "while True: pass"


@pytest.fixture
def busy() -> object:
    """A process that keeps a core busy."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        yield process
        process.kill()


def test_another_process_is_seen_and_makes_a_latency_contended(busy: object) -> None:
    network, x = convolution()
    run = TorchRuntime().prepare(network, (x,))
    (timing,) = measure_pairs([(run, run)], width=0.0001, seconds=2)
    assert CONTENDED_CORES < timing.other_load < psutil.cpu_count() + 0.1
    assert timing.metrics()["latency_contended"] == 1


def test_own_work_is_no_other_load() -> None:
    load, start, own = OtherLoad(), time.perf_counter(), time.process_time()
    while time.perf_counter() - start < 1:
        pass
    share = (time.process_time() - own) / (time.perf_counter() - start)
    # All cores at most are busy, and this process has its share of them.
    assert load.cores() <= psutil.cpu_count() - share + 0.1


HOLDER = """
import sys, time
from pathlib import Path
from nasframe.storage.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print(time.monotonic(), flush=True)
    time.sleep(float(sys.argv[2]))
    print(time.monotonic(), flush=True)
"""


def holder(path: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_measure_one_after_the_other(tmp_path: Path) -> None:
    holders = [holder(tmp_path / "lock", 0.3) for _ in range(3)]
    spans = sorted(tuple(map(float, p.communicate(timeout=60)[0].split())) for p in holders)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_threads_measure_one_after_the_other(tmp_path: Path) -> None:
    inside: list[int] = []

    def work(i: int) -> int:
        with exclusive_lock(tmp_path / "lock"):
            inside.append(i)
            time.sleep(0.05)
            most = len(inside)
            inside.remove(i)
            return most

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(4))) == {1}


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", 1000)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    with exclusive_lock(tmp_path / "lock"):  # else it would wait for ever
        pass


def test_a_lock_that_cannot_be_had_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(NasframeError, match="cannot lock .*nowhere"),
        exclusive_lock(tmp_path / "nowhere/x"),
    ):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with (
        pytest.raises(NasframeError, match="cannot lock .*link"),
        exclusive_lock(tmp_path / "link"),
    ):
        pass


def test_names_stand_for_published_networks_and_for_timms() -> None:
    ours, theirs = look_up_network("mnasnet_b1"), look_up_network("mnasnet_100", size=64)
    assert ours.inputs.example()[0].shape == (1, 3, 224, 224)
    assert theirs.inputs.example()[0].shape == (1, 3, 64, 64)
    counts = [sum(p.numel() for p in one.make().parameters()) for one in (ours, theirs)]
    assert counts == 2 * [4_383_312]
    mobile = look_up_network("nasnet_a:cells=4,filters=44,skip_reduction=null")
    assert mobile.inputs.example()[0].shape == (1, 3, 224, 224)
    assert sum(p.numel() for p in mobile.make().parameters()) == 5_289_978
    assert not ours.make().training
    assert not theirs.make().training


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mnasnet_a9", "no network is called 'mnasnet_a9'; did you mean .*mnasnet_a1"),
        ("resnet5o", "did you mean .*resnet50"),
        ("mnasnet_a1:width=1.4,clases=3", "mnasnet_a1 has no 'clases'; did you mean classes"),
        ("mnasnet_a1:width=wide", "mnasnet_a1:width=wide cannot be built: "),
        ("nasnet_a:cells=4,filters", "nasnet_a:cells=4,filters: settings must be KEY=VALUE"),
        ("mnasnet_a9:width=1.4", "no network 'mnasnet_a9' is published here"),
        ("qqqqqqqqqqq", "there is mnasnet_a1, .*nasnet_a"),
        ("nas_ptb_cell", "is not a network for images"),
        ("runs/nowhere:3", "no study in runs/nowhere"),
    ],
)
def test_names_that_stand_for_nothing_are_told_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(NasframeError, match=said):
        look_up_network(name)


@pytest.fixture
def console(tmp_path: Path) -> Shell:
    return shell(tmp_path)


def test_nasframe_latency_compares_networks_in_both_runtimes(console: Shell) -> None:
    study = ("dir=one", "trials=1", "evaluator.epochs=1", "controller=random", "executor=serial")
    assert console("nasframe", *study).returncode == 0
    names = ("mnasnet_small", "mobilenetv3_small_050", "one:0")
    options = ("--runtime", "torch,onnx", "--seconds", "0.2", "--size", "64", "--json", "all.json")
    done = console("nasframe-latency", *names, *options, COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads((console.cwd / "all.json").read_text())
    assert [(row["network"], row["runtime"]) for row in rows] == [
        (name, runtime) for name in names for runtime in ("torch", "onnx")
    ]
    assert rows[0]["parameters"] == 2_030_264
    assert [row["input"] for row in rows[::2]] == ["3x64x64", "3x64x64", "1x8x8"]
    for row in rows:
        assert 0 < row["latency_ms_low"] <= row["latency_ms"] <= row["latency_ms_high"]
        assert row["latency_ratio_low"] <= row["latency_ratio"] <= row["latency_ratio_high"]
    assert "torch 2." in rows[0]["device"]
    assert "ONNX Runtime" in rows[1]["device"]
    assert rows[0]["latency_ratio"] < 1, "64 pixels against the reference's 224"
    for words in ("mnasnet_small", "2.03M", rows[0]["device"], "95 %", "mobilenetv3_small_100"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mnasnet_a1 mnasnet_a7", "no network is called 'mnasnet_a7'; did you mean"),
        ("resnet18 --runtime tensorrt", "tensorrt: must be torch, onnx or torch,onnx"),
        ("resnet18 --size big", "big: must be a whole number of at least 1"),
        ("resnet18 --seconds 0", "0: must be a number of seconds"),
        ("resnet18 --json no/where.json", "there is no folder no"),
        ("one:7", "no study in one"),
    ],
)
def test_mistakes_on_the_command_line_are_told(console: Shell, words: str, said: str) -> None:
    done = console("nasframe-latency", *words.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
