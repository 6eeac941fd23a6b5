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
    """Base of image tasks, with the augmentation of training images.

    Attributes:
        pad: pixels of padding on each side before a random crop to the original size; 0 for none.
            The padding has the mean colour: zero in normalised values.
        upsample: side in pixels after enlarging, before a random crop to the original size; 40 for
            CIFAR in the NAS and NASNet papers (validation images are enlarged too, and cropped at
            their centre); null for none.
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
        """Make a task that classifies images of one size, held in memory.

        Args:
            load: reads the data; called once, on first use.
            input_shape: channels, height and width.
            outputs: number of classes.
            load_test: reads the test images (N, H, W, C) and labels; ``None`` without a test set.
                A search does not call it.
            classes: names of the labels, if known.
        """
        from nasframe.tasks.image_task import ImageTask

        return ImageTask(load, input_shape, outputs, self.augmentation(), load_test, classes)

    def augmentation(self) -> Augmentation:
        """Make the augmentation."""
        from nasframe.tasks.augment import Augmentation

        return Augmentation(self.pad, self.upsample, self.flip, self.cutout)


@dataclass(kw_only=True)
class DigitsConfig(ImageTaskConfig):
    """scikit-learn's 1,797 handwritten digits of 8x8 grey pixels, without a download.

    1,078 are for training, 359 for validation and 360 for the test.
    """

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.digits import load_digits, load_test_digits

        return self.task(load_digits, (1, 8, 8), 10, load_test_digits)


@dataclass(kw_only=True)
class ArraysConfig(ImageTaskConfig):
    """Images in a NumPy file; no augmentation by default, since their content is unknown.

    Attributes:
        path: an ``.npz`` file with ``x_train`` (uint8, or float from 0 to 1; N x H x W x C,
            N x C x H x W or N x H x W) and ``y_train`` (0..K-1). A search does not read the
            optional ``x_test`` and ``y_test``.
        validation: fraction of the training images used for validation.
    """

    path: Path = setting(MISSING)
    validation: float = setting(0.1, above=0, most=0.9)

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.arrays import make_arrays_task

        return make_arrays_task(Path(self.path).expanduser(), self.validation, self.augmentation())


@dataclass(kw_only=True)
class FolderConfig(ImageTaskConfig):
    """Photographs in a folder, decoded once and held in memory.

    Attributes:
        path: a folder with one folder per class, or with a folder ``train`` of that form; then a
            folder ``test``, or else ``val``, next to it is the test set, which a search does not
            read.
        size: side in pixels to which every image is resized.
        validation: fraction of the images used for validation.
    """

    path: Path = setting(MISSING)
    size: int = setting(32, least=1, most=4096)
    validation: float = setting(0.1, above=0, most=0.9)
    pad: int = setting(4, least=0)
    flip: bool = True

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.image_folder import make_folder_task

        path = Path(self.path).expanduser()
        return make_folder_task(path, self.size, self.validation, self.augmentation())


@dataclass(kw_only=True)
class ImageNetConfig(TaskConfig):
    """Photographs in a folder, ImageNet or others, read again in each epoch to save memory.

    Training images are augmented by timm: random crops of any size and shape as in Inception's
    preprocessing, mirroring and colour changes. Other images are resized, and cropped at their
    centre to 87.5 % of their shorter side.

    Attributes:
        path: a folder with one folder per class, or with a folder ``train`` of that form; then a
            folder ``test``, or else ``val``, next to it is the test set, which a search does not
            read.
        size: side in pixels of the network's input.
        validation: fraction of the images used for validation.
        scale: minimum share of an image's area in a crop.
        flip: mirror a random half of the images left to right.
        color_jitter: strength of the changes of brightness, contrast and saturation; 0 for none.
        auto_augment: a policy by timm's name, such as ``rand-m9-mstd0.5``, instead of
            ``color_jitter``.
        erase: share of the images in which a rectangle is replaced by noise.
        workers: processes that read images ahead; 0 reads them in the training process.
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
    """Data sets of torchvision, by class name."""

    CIFAR10 = "CIFAR10"
    CIFAR100 = "CIFAR100"
    FashionMNIST = "FashionMNIST"


@dataclass(kw_only=True)
class TorchvisionConfig(ImageTaskConfig):
    """A data set that torchvision downloads.

    Attributes:
        dataset: name of the data set.
        root: the folder of all data sets.
        download: whether to download missing data.
        validation: fraction of the training images used for validation.
    """

    dataset: Dataset = Dataset.CIFAR10
    root: Path = Path("data")
    download: bool = True
    validation: float = setting(0.1, above=0, most=0.9)
    pad: int = setting(4, least=0)
    flip: bool = True

    def build(self) -> Task:
        """Make the task."""
        from nasframe.tasks.torchvision import make_torchvision_task

        root = Path(self.root).expanduser()
        return make_torchvision_task(
            self.dataset.value, root, self.download, self.validation, self.augmentation()
        )


@dataclass(kw_only=True)
class TextConfig(TaskConfig):
    """Language modelling of plain UTF-8 text: predict the next character or word.

    The embedded text needs no download: about 140,000 characters of the texts of Python's ``help``.
    They differ slightly between versions of Python, and so do results.

    Words are separated by white space; the end of a line is the word ``<eos>``, and words outside
    the vocabulary are ``<unk>``, as in the Penn Treebank for language models.

    Attributes:
        train: the training text, a text file or a zip file that contains one; null for the
            embedded text.
        valid: the validation text; null cuts it from the end of ``train``.
        validation: the fraction to cut if ``valid`` is null.
        test: the test text, which a search does not read.
        level: the unit of a token, ``char`` or ``word``.
        vocabulary: maximum number of different tokens, including ``<unk>``; the most frequent
            tokens of the training text are kept, and the others become ``<unk>``.
        steps: length in tokens of back-propagation through time.
    """

    train: Path | None = None
    valid: Path | None = None
    validation: float = setting(0.1, above=0, most=0.9)
    test: Path | None = None
    level: Level = Level.char
    vocabulary: int = setting(10_000, least=2)
    steps: int = setting(35, least=1)

    def build(self) -> Task:
        """Make the task; its vocabulary requires reading the data at once."""
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
