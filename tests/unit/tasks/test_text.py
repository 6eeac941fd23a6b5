"""Language models of texts: what is read, how it is cut, what is measured, what goes wrong."""

from __future__ import annotations

import math
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from experiments import experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from places import SHARED
from texts import CPU, Lstm, LstmSpace, generator, measured, rounds, text_task, words
from torch import Tensor, nn

from nasframe import (
    Architecture,
    Context,
    NasframeError,
    TaskShape,
    option,
)
from nasframe.tasks import corpus
from nasframe.tasks.corpus import TOPICS, Corpus, read_corpus
from nasframe.tasks.level import Level
from nasframe.tasks.text import TextTask

DATA = Path(os.environ.get("NASFRAME_DATA", SHARED / "data"))
TEXTS = st.text(st.characters(codec="utf-8"), min_size=0, max_size=300)


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def numbered(training: int, validation: int, steps: int) -> TextTask:
    """A text whose tokens are 0, 1, 2, ... so that each says where it stands."""
    tokens_N = torch.arange(training + validation)
    names = tuple(f"w{i}" for i in range(len(tokens_N)))
    return TextTask(Corpus(tokens_N, training, names, Level.word), steps)


class Constant(nn.Module):
    """Gives the same logits at each step."""

    def __init__(self, logits_K: Tensor) -> None:
        super().__init__()
        self.logits_K = logits_K

    def forward(self, x_TB: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.logits_K.expand(*x_TB.shape, -1), state


# Reading


def test_characters_are_numbered_by_their_frequency(tmp_path: Path) -> None:
    train = written(tmp_path / "a", "banana bananas")
    valid = written(tmp_path / "b", "sax\nab")
    read = read_corpus(train, valid, level=Level.char, validation=0.5, vocabulary=100, steps=1)
    assert read.vocabulary == ("<unk>", "a", "n", "b", " ", "s")
    assert read.training == 14
    assert read.tokens_N.tolist() == [3, 1, 2, 1, 2, 1, 4, 3, 1, 2, 1, 2, 1, 5, 5, 1, 0, 0, 1, 3]
    assert read.tokens_N.dtype == torch.int64


def test_words_are_those_of_the_penn_treebank(tmp_path: Path) -> None:
    """Its ``<unk>`` is no second word beside our own; the end of a line is a word."""
    train = written(tmp_path / "a", " a <unk> b a \n the a <unk> c \n")
    valid = written(tmp_path / "b", " the d \n")
    read = read_corpus(train, valid, level=Level.word, validation=0.5, vocabulary=100, steps=1)
    assert read.vocabulary == ("<unk>", "a", "<eos>", "b", "c", "the")
    assert read.tokens_N.tolist() == [1, 0, 3, 1, 2, 5, 1, 0, 4, 2, 5, 0, 2]
    assert read.training == 10


def test_a_vocabulary_has_the_most_frequent_words_and_no_more(tmp_path: Path) -> None:
    """100,000 words that stand there once, and a hundred that are told from each other."""
    frequent = [f"f{i}" for i in range(100) for _ in range(i + 2)]
    rare = [f"r{i}" for i in range(100_000)]
    train = written(tmp_path / "a", " ".join([*rare, *frequent]))
    task = text_task(
        train=train, valid=written(tmp_path / "b", "f99"), level=Level.word, vocabulary=51
    )
    vocabulary = task.data_config["vocabulary"]
    assert vocabulary == ("<unk>", *(f"f{i}" for i in range(99, 49, -1)))
    assert task.outputs == 51
    x_SB, _ = rounds(task, 1)
    assert (x_SB == 0).sum() == 100_000 + sum(range(2, 52))


def test_validation_is_cut_from_the_end_and_its_own_characters_are_unknown(tmp_path: Path) -> None:
    train = written(tmp_path / "a", "ab" * 45 + "abcdefghij")
    task = text_task(train=train, validation=0.1)
    assert task.data_config["vocabulary"] == ("<unk>", "a", "b")
    y = torch.cat([y for _, y, _ in task.validation_batches(1, CPU)]).flatten()
    assert y[y >= 0].tolist() == [1, 2] + [0] * 8


def test_a_test_text_goes_on_where_that_for_validation_ends(tmp_path: Path) -> None:
    train, test = written(tmp_path / "a", "ab" * 45 + "ba" * 5), written(tmp_path / "b", "abxba")
    task = text_task(train=train, validation=0.1, test=test, steps=2)
    batches = list(task.test_batches(1, CPU))
    x, y = (torch.cat([batch[i] for batch in batches]).flatten() for i in (0, 1))
    assert y[y >= 0].tolist() == [1, 2, 0, 2, 1]
    assert x[:4].tolist() == [1, 2, 1, 1]  # "aba", the end of the validation text, then "a"
    assert text_task(train=train, validation=0.1).test_batches(1, CPU) is None
    with pytest.raises(NasframeError, match=r"task.test=.*none: there is no such file"):
        text_task(train=train, test=tmp_path / "none")
    empty = text_task(train=train, test=written(tmp_path / "c", ""))
    with pytest.raises(NasframeError, match=r"task.test=.*c: there are no tokens in it"):
        empty.test_batches(1, CPU)


@pytest.mark.parametrize("level", Level)
def test_a_text_of_windows_is_the_same_text(tmp_path: Path, level: Level) -> None:
    """A byte order mark is no part of the first word, and the end of a line is one character."""
    text = "the dog\nthe cat\n" * 20
    plain = written(tmp_path / "a", text)
    windows = written(tmp_path / "b", "\ufeff" + text.replace("\n", "\r\n"))
    one, other = (
        read_corpus(file, file, level=level, validation=0.5, vocabulary=100, steps=1)
        for file in (plain, windows)
    )
    assert other.vocabulary == one.vocabulary
    assert torch.equal(other.tokens_N, one.tokens_N)


def test_the_embedded_text_is_there_without_a_download_and_repeats_nothing() -> None:
    from pydoc_data.topics import topics

    task = text_task()
    assert task.train_examples() > 100_000
    assert 80 < task.outputs < 150
    for topic in TOPICS:
        others = "".join(topics[name] for name in TOPICS if name != topic)
        paragraphs = {part for part in topics[topic].split("\n\n") if len(part) > 100}
        assert sum(part in others for part in paragraphs) < 0.02 * len(paragraphs)


@settings(max_examples=60)
@given(text=TEXTS, valid=TEXTS, level=st.sampled_from(Level), vocabulary=st.integers(2, 40))
def test_any_text_can_be_read_and_known_tokens_written_again(
    tmp_path_factory: pytest.TempPathFactory, text: str, valid: str, level: Level, vocabulary: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = written(folder / "train", text), written(folder / "valid", valid)
    how = {"level": level, "validation": 0.1, "vocabulary": vocabulary, "steps": 1}
    texts = [t.removeprefix("\ufeff").replace("\r\n", "\n") for t in (text, valid)]
    wanted = [list(t) if level is Level.char else words(t) for t in texts]
    if len(wanted[0]) < 2 or not wanted[1]:
        with pytest.raises(NasframeError, match="(training|validation) tokens"):
            read_corpus(*files, **how)
        return
    read = read_corpus(*files, **how)
    assert len(read.vocabulary) == len(set(read.vocabulary)) <= vocabulary
    assert read.training == len(wanted[0])
    for number, token in zip(read.tokens_N.tolist(), [*wanted[0], *wanted[1]], strict=True):
        assert read.vocabulary[number] == (token if token in read.vocabulary else "<unk>")
    counts = Counter(wanted[0])
    least = min((counts[t] for t in read.vocabulary[1:]), default=0)
    left_out = set(wanted[0]) - set(read.vocabulary)
    assert all(counts[token] <= least for token in left_out)


# Training batches


@settings(max_examples=80)
@given(
    count=st.integers(3, 200),
    batch_size=st.integers(1, 60),
    steps=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_an_epoch_reads_the_ring_once_in_streams(
    count: int, batch_size: int, steps: int, seed: int
) -> None:
    task = numbered(count, 5, min(steps, count - 1))
    batches = list(task.train_batches(batch_size, CPU, generator(seed)))
    lengths = [len(x) for x, _ in batches]
    assert len(batches) == task.train_steps(batch_size)
    assert max(lengths) <= steps
    assert max(lengths) - min(lengths) <= 1
    x_SB, y_SB = rounds(task, batch_size, seed)
    assert x_SB.shape == y_SB.shape == (-(-count // batch_size), batch_size)
    assert torch.equal(y_SB, (x_SB + 1) % count)  # each target is the token after its input
    assert torch.equal(x_SB[1:], y_SB[:-1])  # a stream goes on from batch to batch
    assert torch.equal(x_SB[0, 1:], y_SB[-1, :-1])  # and the next one where it ends
    repeated = x_SB.numel() - count
    assert 0 <= repeated < batch_size
    assert y_SB.unique().tolist() == list(range(count))


def test_streams_begin_elsewhere_in_each_epoch_as_the_generator_says() -> None:
    task = numbered(1000, 5, 10)
    draw = generator(1)
    starts = [next(task.train_batches(4, CPU, draw))[0][0, 0].item() for _ in range(20)]
    assert len(set(starts)) > 15
    assert torch.equal(torch.stack(rounds(task, 4, 7)), torch.stack(rounds(task, 4, 7)))


class Second(nn.Module):
    """Knows the token after each pair of tokens; the state is the token before the window."""

    def __init__(self, table: dict[tuple[int, int], int], words: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(50.0))
        self._table, self._words = table, words

    def forward(self, x_TB: Tensor, state: Any) -> tuple[Tensor, Any]:
        before_B = torch.zeros_like(x_TB[0]) if state is None else state[0].long()
        previous_TB = torch.cat([before_B[None], x_TB[:-1]])
        next_TB = x_TB.clone()
        for place, pair in enumerate(zip(previous_TB.flatten(), x_TB.flatten(), strict=True)):
            next_TB.view(-1)[place] = self._table.get((int(pair[0]), int(pair[1])), 0)
        logits_TBK = self.scale * nn.functional.one_hot(next_TB, self._words)
        return logits_TBK, (x_TB[-1] * self.scale / self.scale, (self.scale * 1,))


def test_the_state_is_carried_from_batch_to_batch_but_its_gradient_is_not(tmp_path: Path) -> None:
    """In aabbaabb... a token follows from the two before it: from one alone, only by chance."""
    task = text_task(train=written(tmp_path / "a", "aabb" * 100), steps=1)
    table = {(1, 1): 2, (1, 2): 2, (2, 2): 1, (2, 1): 1}
    module = Second(table, task.outputs)
    state, losses = None, []
    for batch in task.train_batches(9, CPU, generator()):
        loss, state = task.loss(module, batch, state)
        losses.append(loss.item())
        assert not state[0].requires_grad
        assert not state[1][0].requires_grad
        assert loss.requires_grad
    assert losses[0] > 10
    assert max(losses[1:]) < 1e-6
    assert measured(task, module, 3)["val_loss"] < 1e-6
    forgetful = [
        task.loss(module, b, None)[0].item() for b in task.train_batches(9, CPU, generator())
    ]
    assert min(forgetful) > 10


# Validation


@settings(max_examples=80)
@given(
    training=st.integers(2, 60),
    validation=st.integers(1, 700),
    batch_size=st.integers(1, 30),
    steps=st.integers(1, 12),
)
def test_validation_predicts_each_token_once_after_what_stands_before_it(
    training: int, validation: int, batch_size: int, steps: int
) -> None:
    steps = min(steps, training - 1)
    task = numbered(training, validation, steps)
    predicted: list[int] = []
    read: list[list[int]] = []
    for x_TB, y_TB, begins in task.validation_batches(batch_size, CPU):
        assert len(x_TB) <= steps
        assert x_TB.shape[1] <= batch_size
        if begins:
            read = [[] for _ in range(x_TB.shape[1])]
        for x, y in zip(x_TB, y_TB, strict=True):
            for stream, token, target in zip(read, x.tolist(), y.tolist(), strict=True):
                stream.append(token)
                if target >= 0:
                    predicted.append(target)
                    context = stream[-steps - 1 :]
                    assert context == list(range(target - steps - 1, target))
    assert sorted(predicted) == list(range(training, training + validation))


def test_validation_does_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    text = "the quick brown fox jumps over the lazy dog " * 30
    task = text_task(train=written(tmp_path / "a", text), validation=0.5, steps=7)
    torch.manual_seed(0)
    module = Lstm(task.outputs, 8)
    losses = [measured(task, module, size)["val_loss"] for size in (1, 3, 64)]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_the_perplexity_of_a_uniform_prediction_is_the_size_of_the_vocabulary() -> None:
    task = text_task()
    metrics = measured(task, Constant(torch.zeros(task.outputs)))
    assert metrics["val_perplexity"] == pytest.approx(task.outputs, rel=1e-4)
    assert metrics["val_loss"] == pytest.approx(math.log(task.outputs), rel=1e-5)
    assert metrics["val_bpc"] == pytest.approx(math.log2(task.outputs), rel=1e-5)


def test_the_perplexity_of_the_frequencies_is_that_of_their_formula(tmp_path: Path) -> None:
    """With 1/2, 1/3, 1/6 in both texts it is 2^(1/2) 3^(1/3) 6^(1/6)."""
    valid = written(tmp_path / "b", "abacab" * 20)
    task = text_task(train=written(tmp_path / "a", "aaabbc" * 20), valid=valid)
    assert task.data_config["vocabulary"] == ("<unk>", "a", "b", "c")
    logits_K = torch.tensor([0, 1 / 2, 1 / 3, 1 / 6]).log()
    metrics = measured(task, Constant(logits_K))
    assert metrics["val_perplexity"] == pytest.approx(2 ** (1 / 2) * 3 ** (1 / 3) * 6 ** (1 / 6))


def test_bits_a_character_are_told_of_characters_alone() -> None:
    for level, names in {
        Level.char: ("val_loss", "val_perplexity", "val_bpc"),
        Level.word: ("val_loss", "val_perplexity"),
    }.items():
        task = text_task(level=level)
        assert task.provides == names == tuple(task.metrics([3.0, 2.0]))


def test_a_diverged_network_has_no_finite_perplexity() -> None:
    assert text_task().metrics([8000.0, 10.0])["val_perplexity"] == math.inf
    assert not math.isfinite(text_task().metrics([math.nan, 10.0])["val_perplexity"])


# Training


def test_a_loss_of_low_precision_logits_is_computed_in_float32() -> None:
    task = text_task()
    batch = next(task.train_batches(4, CPU, generator()))
    module = Constant(torch.linspace(-3, 3, task.outputs, dtype=torch.bfloat16))
    exact = Constant(module.logits_K.float())
    assert task.loss(module, batch, None)[0].dtype == torch.float32
    assert torch.equal(task.loss(module, batch, None)[0], task.loss(exact, batch, None)[0])


def test_the_size_of_a_network_is_that_for_one_token(tmp_path: Path) -> None:
    task = text_task()
    meter = option("meters", "size").build(HeadSpace(), task)
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    assert meter.measure(Architecture((0,)), context) == {
        "parameters": 2 * task.outputs * 16 + task.outputs,
        "macs": task.outputs * 16,
        "activation_bytes": 4 * (task.outputs + 16),
        "model_bytes": 4 * (2 * task.outputs * 16 + task.outputs),
    }


class HeadSpace(LstmSpace):
    """Networks without a recurrent layer."""

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        return Head(task.outputs)


class Head(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 16)
        self.head = nn.Linear(16, words)

    def forward(self, x_TB: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.head(self.embedding(x_TB)), state


# A study


# Mistakes


def refused(match: str, **settings: Any) -> None:
    with pytest.raises(NasframeError, match=match) as caught:
        text_task(**settings)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    good = written(tmp_path / "good", "some text " * 20)
    latin = tmp_path / "latin"
    latin.write_bytes("a café".encode("latin-1") + b" " * 100)
    for setting, other in (("train", {}), ("valid", {"train": good})):
        cases = {
            tmp_path / "nowhere": "there is no such file",
            tmp_path: "cannot be read: Is a directory",
            latin: "is not UTF-8: byte 0xe9 at offset 5",
        }
        for path, reason in cases.items():
            refused(f"^task.{setting}={path}: {reason}$", **{setting: path}, **other)


def test_a_text_that_is_too_short_is_refused(tmp_path: Path) -> None:
    empty, short = written(tmp_path / "empty", ""), written(tmp_path / "short", "a" * 39)
    refused("^task.train=.*empty: 0 training tokens are too few for task.steps=35", train=empty)
    refused("^task.train=.*short: 35 training tokens are too few", train=short)
    assert text_task(train=short, steps=34).train_examples() == 35
    refused("^task.valid=.*empty: there are no validation tokens", train=short, valid=empty)
    refused("short: there are no validation tokens", train=short, validation=0.01)
    refused("the embedded text: .* are too few", steps=1_000_000)


def test_settings_that_mean_nothing_are_refused() -> None:
    refused("vocabulary=1: must be at least 2", vocabulary=1)
    refused("steps=0: must be at least 1", steps=0)
    refused("validation=0.0: must be greater than 0", validation=0.0)


# Zip files


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_a_zip_file_with_one_text_is_as_good_as_the_text(tmp_path: Path) -> None:
    """Its names are no paths: nothing is written."""
    text = "Ein Wörterbuch " * 30
    path = zipped(tmp_path / "a.ZIP", {"../../folder/": "", "../../folder/text": text})
    tasks = [text_task(train=file) for file in (path, written(tmp_path / "a.txt", text))]
    assert tasks[0].data_config == tasks[1].data_config
    for one, other in zip(rounds(tasks[0], 3), rounds(tasks[1], 3), strict=True):
        assert torch.equal(one, other)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.ZIP", "a.txt"]


def test_a_zip_file_that_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "MAX_TEXT_BYTES", 1000)
    two = zipped(tmp_path / "two.zip", {"a.txt": "a" * 900, "b.txt": "b"})
    refused(
        r"two.zip: cannot be read: it must hold one text .* a.txt \(900 bytes\), b.txt \(1 bytes\)",
        train=two,
    )
    none = zipped(tmp_path / "none.zip", {})
    refused("cannot be read: it must hold one text .*, not nothing", train=none)
    large = zipped(tmp_path / "large.zip", {"a.txt": "a" * 1001})
    refused(r"at most 1,000 bytes, not a.txt \(1,001 bytes\)", train=large)
    refused("is not a zip file", train=written(tmp_path / "text.zip", "no archive"))
    good = zipped(tmp_path / "good.zip", {"a.txt": "0123456789" * 90}).read_bytes()
    encrypted = good.index(b"PK\x01\x02") + 8, b"\x01", "password required"
    deflated = 40, b"\xff\xff", "while decompressing"
    for place, other, reason in (encrypted, deflated):
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(good[:place] + other + good[place + len(other) :])
        refused(f"^task.train={damaged}: cannot be read: .*{reason}", train=damaged)


@pytest.mark.parametrize("level", Level)
def test_war_and_peace(level: Level) -> None:
    """Three million characters, as they lie in their zip file."""
    path = DATA / "warandpeace.zip"
    if not path.is_file():
        pytest.skip(f"{path} is missing: set NASFRAME_DATA to the folder that has it")
    task = text_task(train=path, level=level)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("warandpeace.txt").decode()
    tokens = list(text) if level is Level.char else words(text)
    assert task.train_examples() == len(tokens) - round(0.1 * len(tokens))
    x_SB, _ = rounds(task, 64)
    vocabulary = task.data_config["vocabulary"]
    most_common = Counter(tokens[: task.train_examples()]).most_common(1)[0][0]
    assert vocabulary[1] == most_common == {Level.char: " ", Level.word: "<eos>"}[level]
    assert (task.outputs == 10_000) == (level is Level.word)
    unknown = (x_SB == 0).float().mean().item()
    assert 0 < unknown < 0.1 if level is Level.word else unknown == 0


# The experiments


def test_the_papers_search_wants_the_files_of_the_penn_treebank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = experiment("nas_ptb")
    with pytest.raises(NasframeError, match="task.train=data/ptb.train.txt: there is no such file"):
        study.task.build()
    (tmp_path / "data").mkdir()
    for part in ("train", "valid"):  # a small text with as many words
        text = " ".join(["<unk>", *(f"w{i}" for i in range(9_998))]) + " \n"
        written(tmp_path / "data" / f"ptb.{part}.txt", text)
    assert study.task.build().outputs == 10_000
    papers: dict[str, dict[str, Any]] = {
        "search_space": {"base": 8, "layers": 2},
        "task": {"level": Level.word, "steps": 35},
        "objective": {"c": 80, "metric": "val_perplexity"},
        "controller": {"lr": 5e-4, "layers": 2, "hidden": 35, "init_range": 0.08, "batch": 10},
        "evaluator": {"epochs": 35, "batch_size": 20, "momentum": 0},
    }
    for group, values in papers.items():
        part = vars(getattr(study, group))
        assert {name: part[name] for name in values} == values, group
    assert study.trials == 15_000
