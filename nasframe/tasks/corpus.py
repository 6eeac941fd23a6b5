"""Texts as numbers: read a file, split it into tokens, look them up in a vocabulary."""

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
MAX_TEXT_BYTES = 2**30
"""Maximum size in bytes of a text in a zip file: a tiny archive could fill the memory."""

TOPICS = ("debugger", "specialnames", "compound")
"""Long topics of Python's ``help``, chosen because none is part of another."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A training text and its validation text, as numbers.

    Args:
        tokens_N: training tokens, then validation tokens, int64.
        training: number of training tokens.
        vocabulary: the token of each number.
        level: the unit of a token.
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
    """Read a corpus; its vocabulary comes only from the training tokens.

    Args:
        train: a text file, or ``None`` for a part of Python's own manual.
        valid: a text file, or ``None`` to cut validation tokens from the end of ``train``.
        level: the unit of a token.
        validation: the fraction to cut.
        vocabulary: maximum number of different tokens.
        steps: length of a window; there must be more training tokens.

    Raises:
        NasframeError: if a file cannot be used.
    """
    source = "the embedded text" if train is None else f"task.train={train}"
    tokens = _split(_read_embedded() if train is None else _read_text(train, "train"), level)
    if valid is None:
        count = len(tokens) - round(len(tokens) * validation)
        tokens, validation_tokens = tokens[:count], tokens[count:]
    else:
        validation_tokens = _split(_read_text(valid, "valid"), level)
    if len(tokens) <= steps:
        raise NasframeError(
            f"{source}: {len(tokens)} training tokens are too few for task.steps={steps}; "
            "give a longer text or fewer steps"
        )
    if not validation_tokens:
        place = source if valid is None else f"task.valid={valid}"
        raise NasframeError(f"{place}: there are no validation tokens")
    words = _build_vocabulary(tokens, vocabulary)
    numbers_N = np.concatenate([_encode(part, words) for part in (tokens, validation_tokens)])
    return Corpus(torch.from_numpy(numbers_N), len(tokens), words, level)


def read_test(path: Path, corpus: Corpus) -> Tensor:
    """Read the test text as numbers of a corpus's vocabulary.

    Raises:
        NasframeError: if the file cannot be used, or is empty.
    """
    tokens = _split(_read_text(path, "test"), corpus.level)
    if not tokens:
        raise NasframeError(f"task.test={path}: there are no tokens in it")
    return torch.from_numpy(_encode(tokens, corpus.vocabulary))


def _read_embedded() -> str:
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in TOPICS)


def _read_text(path: Path, setting: str) -> str:
    """Read a text, without a byte order mark and with Unix line ends."""
    try:
        data = _unzip(path) if path.suffix.lower() == ".zip" else path.read_bytes()
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


def _unzip(path: Path) -> bytes:
    """Return the only file in an archive, without writing to disk."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1 or members[0].file_size > MAX_TEXT_BYTES:
            sizes = ", ".join(f"{m.filename} ({m.file_size:,} bytes)" for m in members[:3])
            found = sizes or "nothing"
            raise NasframeError(
                f"it must hold one text of at most {MAX_TEXT_BYTES:,} bytes, not {found}"
            )
        return archive.read(members[0])


def _split(text: str, level: Level) -> Sequence[str]:
    return text if level is Level.char else text.replace("\n", f" {END} ").split()


def _build_vocabulary(tokens: Sequence[str], maximum: int) -> tuple[str, ...]:
    """Build a vocabulary: ``<unk>``, then tokens by falling frequency; ties by code point."""
    counts = Counter(tokens)
    del counts[UNKNOWN]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return UNKNOWN, *(token for token, _ in ordered[: maximum - 1])


def _encode(tokens: Sequence[str], vocabulary: Sequence[str]) -> NDArray[np.int64]:
    number = {token: i for i, token in enumerate(vocabulary)}
    return np.fromiter(map(number.get, tokens, repeat(0)), np.int64, len(tokens))
