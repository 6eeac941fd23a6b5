"""Texts as numbers: read from a file, cut into tokens, looked up in a vocabulary."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nasframe.errors import NasframeError
from nasframe.tasks.level import Level

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

UNKNOWN, END = "<unk>", "<eos>"
LARGEST = 2**30
"""Bytes that a text in a zip file may have: one of a few kilobytes could fill the memory."""

TOPICS = ("debugger", "specialnames", "compound")
"""Long topics of Python's ``help``, none of which is a part of another one, as many are."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text for training and its continuation for validation, as numbers.

    Args:
        tokens_N: training tokens, then validation tokens, int64.
        training: how many of them are for training.
        vocabulary: the token of each number.
        level: what a token is.
    """

    tokens_N: Tensor
    training: int
    vocabulary: tuple[str, ...]
    level: Level


def read_corpus(
    train: Path | None,
    valid: Path | None,
    *,
    level: Level,
    validation: float,
    vocabulary: int,
    steps: int,
) -> Corpus:
    """Read a corpus; its vocabulary is made of the training tokens alone.

    Args:
        train: a text file, or ``None`` for a part of Python's own manual.
        valid: a text file, or ``None`` to cut validation tokens from the end of ``train``.
        level: what a token is.
        validation: the fraction that is cut.
        vocabulary: how many different tokens are told apart, at most.
        steps: of a window; there must be more tokens for training.

    Raises:
        NasframeError: if a file cannot be used.
    """
    source = "the embedded text" if train is None else f"task.train={train}"
    tokens = _split(_embedded() if train is None else _read(train, "train"), level)
    if valid is None:
        count = len(tokens) - round(len(tokens) * validation)
        tokens, held = tokens[:count], tokens[count:]
    else:
        held = _split(_read(valid, "valid"), level)
    if len(tokens) <= steps:
        raise NasframeError(
            f"{source}: {len(tokens)} tokens for training are too few for task.steps={steps}: "
            "there must be more"
        )
    if not held:
        place = source if valid is None else f"task.valid={valid}"
        raise NasframeError(f"{place}: there are no tokens for validation")
    words = _vocabulary(tokens, vocabulary)
    numbers_N = np.concatenate([_numbers(part, words) for part in (tokens, held)])
    return Corpus(torch.from_numpy(numbers_N), len(tokens), words, level)


def read_test(path: Path, corpus: Corpus) -> Tensor:
    """The text for the test, in a corpus's numbers.

    Raises:
        NasframeError: if the file cannot be used, or is empty.
    """
    tokens = _split(_read(path, "test"), corpus.level)
    if not tokens:
        raise NasframeError(f"task.test={path}: there are no tokens in it")
    return torch.from_numpy(_numbers(tokens, corpus.vocabulary))


def _embedded() -> str:
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in TOPICS)


def _read(path: Path, setting: str) -> str:
    """A text without a byte order mark, in which each line ends as on Unix."""
    try:
        data = _unzipped(path) if path.suffix.lower() == ".zip" else path.read_bytes()
        return data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        reason = f"is not UTF-8: byte 0x{byte:02x} at offset {error.start}"
    except FileNotFoundError:
        reason = "there is no such file"
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    except Exception as error:  # archives and each compression have their own exceptions
        reason = f"cannot be read: {error}"
    raise NasframeError(f"task.{setting}={path}: {reason}")


def _unzipped(path: Path) -> bytes:
    """The one file in an archive; nothing is written anywhere."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1 or members[0].file_size > LARGEST:
            sizes = ", ".join(f"{m.filename} ({m.file_size:,} bytes)" for m in members[:3])
            found = sizes or "nothing"
            raise NasframeError(f"it must hold one text of at most {LARGEST:,} bytes, not {found}")
        return archive.read(members[0])


def _split(text: str, level: Level) -> Sequence[str]:
    return text if level is Level.char else text.replace("\n", f" {END} ").split()


def _vocabulary(tokens: Sequence[str], most: int) -> tuple[str, ...]:
    """``<unk>``, then the most frequent tokens; of equally frequent ones, the first by code."""
    counts = Counter(tokens)
    del counts[UNKNOWN]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return UNKNOWN, *(token for token, _ in ordered[: most - 1])


def _numbers(tokens: Sequence[str], vocabulary: Sequence[str]) -> NDArray[np.int64]:
    number = {token: i for i, token in enumerate(vocabulary)}
    return np.fromiter(map(number.get, tokens, repeat(0)), np.int64, len(tokens))
