"""Settings of the tasks."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe.api.config import TaskConfig, setting
from nasframe.errors import NasframeError
from nasframe.tasks.level import Level

if TYPE_CHECKING:
    from nasframe.api.parts import Task
    from nasframe.tasks.augment import Augmentation
    from nasframe.tasks.image_data import ImageData, Labelled


@dataclass(kw_only=True)
class ImageTaskConfig(TaskConfig, ABC):
    """How training images are varied; validation images are only enlarged, if at all.

    Attributes:
        pad: pixels of padding on each side before a random crop to the image's own size; 0 for
            none. The padding has the mean colour: zero in normalised values.
        upsample: the side to which images are enlarged before a random crop to their own size, 40
            for CIFAR in the NAS and NASNet papers (validation images are cropped at their centre);
            null for none.
        flip: mirror a random half of the images left to right.
        cutout: side in pixels of a square set to the mean colour at a random place; 0 for none.
    """

    pad: int = setting(0, least=0, most=4096)
    upsample: int | None = setting(None, least=1, most=4096)
    flip: bool = False
    cutout: int = setting(0, least=0)

    def task(
        self,
        load: Callable[[], ImageData],
        input_shape: tuple[int, int, int],
        outputs: int,
        load_test: Callable[[], Labelled] | None = None,
        classes: Sequence[str] | None = None,
    ) -> Task:
        """Classification of images of one size, which stay in memory.

        Args:
            load: reads the data; called once, on first use.
            input_shape: channels, height and width.
            outputs: the number of classes.
            load_test: reads the test images (N, H, W, C) and their labels; ``None`` if there are
                none. A search does not call it.
            classes: the names of the labels, if they have some.
        """
        from nasframe.tasks.image_task import ImageTask

        return ImageTask(load, input_shape, outputs, self.augmentation(), load_test, classes)

    def augmentation(self) -> Augmentation:
        """Make the augmentation."""
        from nasframe.tasks.augment import Augmentation

        return Augmentation(self.pad, self.upsample, self.flip, self.cutout)


@dataclass(kw_only=True)
class DigitsConfig(ImageTaskConfig):
    """scikit-learn's 1,797 handwritten digits of 8x8 grey pixels: nothing to download.

    1,078 are for training and 359 for validation; 360 are kept for a test.
    """

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.digits import load_digits, load_test_digits

        return self.task(load_digits, (1, 8, 8), 10, load_test_digits)


@dataclass(kw_only=True)
class ArraysConfig(ImageTaskConfig):
    """Images in a NumPy file, not varied by default: what they show is not known.

    Attributes:
        path: an ``.npz`` file with ``x_train`` (uint8, or float on the scale from 0 to 1;
            N x H x W x C, N x C x H x W or N x H x W) and ``y_train`` (0..K-1). A search does not
            read its ``x_test`` and ``y_test``, if it has them.
        validation: the fraction of the training images that is for validation.
    """

    path: Path = setting(MISSING)
    validation: float = setting(0.1, above=0, most=0.9)

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.arrays import arrays_task

        return arrays_task(Path(self.path).expanduser(), self.validation, self.augmentation())


@dataclass(kw_only=True)
class FolderConfig(ImageTaskConfig):
    """Photographs in a folder.

    Attributes:
        path: has one folder a class, or a folder ``train`` that has; then a folder ``test``, or
            else ``val``, beside it is the test set, which a search does not read.
        size: the side to which every image is resized.
        validation: the fraction of the images that is for validation.
    """

    path: Path = setting(MISSING)
    size: int = setting(32, least=1, most=4096)
    validation: float = setting(0.1, above=0, most=0.9)
    pad: int = setting(4, least=0)
    flip: bool = True

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.image_folder import folder_task

        path = Path(self.path).expanduser()
        return folder_task(path, self.size, self.validation, self.augmentation())


@dataclass(kw_only=True)
class ImageNetConfig(TaskConfig):
    """Photographs in a folder, ImageNet's or others, read anew in each epoch: they need no memory.

    Training images are varied by timm's transformations: random crops of any size and shape as in
    Inception's preprocessing, mirroring, other colours. Others are resized, and cropped at their
    centre to 87.5 % of their shorter side.

    Attributes:
        path: has one folder a class, or a folder ``train`` that has; then a folder ``test``, or
            else ``val``, beside it is the test set, which a search does not read.
        size: the side of the images that networks see.
        validation: the fraction of the images that is for validation.
        scale: the smallest share of an image's area that a crop has.
        flip: mirror a random half of the images left to right.
        color_jitter: how far brightness, contrast and saturation are changed; 0 for not at all.
        auto_augment: a policy by timm's names, such as ``rand-m9-mstd0.5``, instead of that.
        erase: the share of the images in which a rectangle is made noise.
        workers: processes that read images ahead; 0 reads them in between.
    """

    path: Path = setting(MISSING)
    size: int = setting(224, least=8, most=4096)
    validation: float = setting(0.1, above=0, most=0.9)
    scale: float = setting(0.08, above=0, most=1)
    flip: bool = True
    color_jitter: float = setting(0.4, least=0, most=1)
    auto_augment: str | None = None
    erase: float = setting(0.0, least=0, most=1)
    workers: int = setting(2, least=0, free=True)

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.image_stream import PhotographTask, Variation

        variation = Variation(
            self.scale, self.flip, self.color_jitter, self.auto_augment, self.erase
        )
        path = Path(self.path).expanduser()
        return PhotographTask(path, self.size, self.validation, variation, self.workers)


class Dataset(Enum):
    """Data sets of torchvision, by the names of its classes."""

    CIFAR10 = "CIFAR10"
    CIFAR100 = "CIFAR100"
    FashionMNIST = "FashionMNIST"


@dataclass(kw_only=True)
class TorchvisionConfig(ImageTaskConfig):
    """A data set that torchvision downloads.

    Attributes:
        dataset: which one.
        root: the folder of all data sets.
        download: whether to download what is missing.
        validation: the fraction of the training images that is for validation.
    """

    dataset: Dataset = Dataset.CIFAR10
    root: Path = Path("data")
    download: bool = True
    validation: float = setting(0.1, above=0, most=0.9)
    pad: int = setting(4, least=0)
    flip: bool = True

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.torchvision import torchvision_task

        root = Path(self.root).expanduser()
        return torchvision_task(
            self.dataset.value, root, self.download, self.validation, self.augmentation()
        )


@dataclass(kw_only=True)
class TextConfig(TaskConfig):
    """A language model of plain UTF-8 text: the next character or word from those before it.

    The embedded text needs no download: about 140,000 characters of what Python's ``help`` knows.
    They differ a little from one version of Python to the next, and so do results.

    Words are what white space parts; the end of a line is the word ``<eos>``, and words that are
    not in the vocabulary are ``<unk>``, as in the Penn Treebank of language models.

    Attributes:
        train: the text for training, a text file or a zip file with one in it; null for the
            embedded text.
        valid: the text for validation; null cuts it from the end of ``train``.
        validation: the fraction that is cut if there is no ``valid``.
        test: the text for the test, which a search does not read.
        level: what a token is, a ``char`` or a ``word``.
        vocabulary: how many different tokens are told apart at most, the most frequent ones of the
            text for training; the others are ``<unk>``, which is one of them.
        steps: tokens through which gradients go back.
    """

    train: Path | None = None
    valid: Path | None = None
    validation: float = setting(0.1, above=0, most=0.9)
    test: Path | None = None
    level: Level = Level.char
    vocabulary: int = setting(10_000, least=2)
    steps: int = setting(35, least=1)

    def build(self) -> Task:
        """Make the task; its vocabulary needs the data at once."""
        from nasframe.tasks.corpus import read_corpus, read_test
        from nasframe.tasks.text import TextTask

        paths = (self.train, self.valid, self.test)
        train, valid, test = (path and Path(path).expanduser() for path in paths)
        if test is not None and not test.is_file():
            raise NasframeError(f"task.test={test}: there is no such file")
        corpus = read_corpus(
            train,
            valid,
            level=self.level,
            validation=self.validation,
            vocabulary=self.vocabulary,
            steps=self.steps,
        )
        return TextTask(corpus, self.steps, partial(read_test, test, corpus) if test else None)
