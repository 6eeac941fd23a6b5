"""The hooks of nasframe. Each docstring is the manual of the plugin author.

A plugin is a module (or any object) named by an entry point of the group ``nasframe``. Its hooks
are marked with ``nasframe.hookimpl`` and return options by name: a config class (an option with
its defaults) or an instance of one (a preset). Names must be unique among all plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pluggy

from nasframe.api.config import (
    ControllerConfig,
    DetectorConfig,
    EvaluatorConfig,
    ExecutorConfig,
    ExporterConfig,
    LoggerConfig,
    MeterConfig,
    ObjectiveConfig,
    SearchSpaceConfig,
    StopperConfig,
    TaskConfig,
)
from nasframe.api.recipe import RecipeConfig

if TYPE_CHECKING:
    from torch import nn

hookspec = pluggy.HookspecMarker("nasframe")
hookimpl = pluggy.HookimplMarker("nasframe")


@hookspec
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig] | SearchSpaceConfig]:  # type: ignore[empty-body]
    """Offer search spaces, chosen with ``search_space=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build()`` gives a ``SearchSpace``: its
        ``choices`` are fixed and categorical; ``build(architecture, task)`` makes the network for
        any task whose ``kind`` is among the space's ``kinds``.
    """


@hookspec
def nasframe_tasks() -> Mapping[str, type[TaskConfig] | TaskConfig]:  # type: ignore[empty-body]
    """Offer tasks (data and what is asked of it), chosen with ``task=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build()`` gives a ``Task`` that knows
        its shapes at once and reads its data on first use. The validation data are cut from the
        training set; a search never reads a test set.
    """


@hookspec
def nasframe_controllers() -> Mapping[str, type[ControllerConfig] | ControllerConfig]:  # type: ignore[empty-body]
    """Offer controllers, chosen with ``controller=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build(choices, seed, active)`` gives a
        ``Controller``. It sees choices, their active prefix and rewards, nothing else: any
        controller works with any search space. ``ask`` must change nothing.
    """


@hookspec
def nasframe_objectives() -> Mapping[str, type[ObjectiveConfig] | ObjectiveConfig]:  # type: ignore[empty-body]
    """Offer objectives (metrics to one reward), chosen with ``objective=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build()`` gives an ``Objective``; what
        it names in ``needs`` is checked before the first trial.
    """


@hookspec
def nasframe_evaluators() -> Mapping[str, type[EvaluatorConfig] | EvaluatorConfig]:  # type: ignore[empty-body]
    """Offer evaluators (architecture to metrics), chosen with ``evaluator=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build(space, task)`` gives an
        ``Evaluator``. It runs in a worker: it gets only configs and tokens, and never a reward.
    """


@hookspec
def nasframe_meters() -> Mapping[str, type[MeterConfig] | MeterConfig]:  # type: ignore[empty-body]
    """Offer meters (metrics without training), chosen with ``meters=[NAME,...]``.

    Returns:
        Config classes, or instances as presets, by name. ``build(space, task)`` gives a ``Meter``.
        Meters run before training; a meter's value replaces the evaluator's of the same name.
    """


@hookspec
def nasframe_stoppers() -> Mapping[str, type[StopperConfig] | StopperConfig]:  # type: ignore[empty-body]
    """Offer stoppers (when a child's training is cut short), chosen with ``stopper=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build()`` gives a ``Stopper`` or
        ``None``. Its decisions may depend on what it was shown before, on nothing else.
    """


@hookspec
def nasframe_executors() -> Mapping[str, type[ExecutorConfig] | ExecutorConfig]:  # type: ignore[empty-body]
    """Offer executors (where evaluations run), chosen with ``executor=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build(parts)`` gives an ``Executor``;
        ``parts`` holds the configs from which a worker builds its own space, task, evaluator and
        meters. No live object crosses a process border.
    """


@hookspec
def nasframe_loggers() -> Mapping[str, type[LoggerConfig] | LoggerConfig]:  # type: ignore[empty-body]
    """Offer loggers (where curves are written), chosen with ``logger=[NAME,...]``.

    Returns:
        Config classes, or instances as presets, by name. ``build(folder)`` gives a ``Logger`` for
        one run, a study or the training of one network, and refuses what is missing; only its
        ``start`` writes. Name its settings in the ``Attributes`` of the class:
        ``logger.NAME.KEY=VALUE`` gives them.
    """


@hookspec
def nasframe_recipes() -> Mapping[str, type[RecipeConfig] | RecipeConfig]:  # type: ignore[empty-body]
    """Offer recipes (how a network is trained in full), chosen with ``recipe=NAME``.

    Returns:
        Instances of ``RecipeConfig`` by name, or the class itself for its defaults. What the recipe
        says of the search space and the task replaces their settings of the same names.
    """


@hookspec
def nasframe_detectors() -> Mapping[str, type[DetectorConfig] | DetectorConfig]:  # type: ignore[empty-body]
    """Offer detectors (boxes around objects, on any backbone), chosen with ``detector=NAME``.

    Returns:
        Config classes, or instances as presets, by name. ``build(network, task)`` gives a module
        that a task of the kind ``detection`` can train: as torchvision's, from images and targets
        to losses by name in training, and else from images to what is found.
    """


@hookspec
def nasframe_exporters() -> Mapping[str, type[ExporterConfig] | ExporterConfig]:  # type: ignore[empty-body]
    """Offer export formats, written by ``nasframe-export --to NAME``.

    ``nasframe-plugins`` lists them as ``exporter=NAME``. Their settings are given with
    ``--set NAME.KEY=VALUE``.

    Returns:
        Config classes, or instances as presets, by name; the first paragraph of the docstring is
        what ``nasframe-export --help`` says of the format. ``build()`` gives an ``Exporter``:
        ``write`` makes the files, and ``open`` reads them again and gives a function from inputs
        to logits. The comparison with the network, and placing the files, are not its work.
    """


@hookspec
def nasframe_published() -> Mapping[str, Callable[..., nn.Module]]:  # type: ignore[empty-body]
    """Offer published networks, made with ``nasframe.published(NAME)``.

    Returns:
        By name, functions that make the network, untrained unless a file of weights is given
        (read with ``nasframe.load_weights``, which executes no code in it).
        Their arguments are plain values by keyword, all with defaults if possible. An image
        classifier takes ``classes`` and ``channels`` (of the image), and its ``data_config`` says
        how inputs are prepared; after ``import nasframe.timm`` it is also the timm model
        ``nasframe_NAME``. The functions import torch when they are called.
    """
