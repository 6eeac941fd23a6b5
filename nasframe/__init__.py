"""nasframe searches for neural network architectures.

These are the public names; a plugin imports from here and from ``nasframe.testing`` only.
Nothing here imports torch or Hydra.
"""

from nasframe.api import Architecture as Architecture
from nasframe.api import Block as Block
from nasframe.api import Choice as Choice
from nasframe.api import Context as Context
from nasframe.api import Controller as Controller
from nasframe.api import Evaluator as Evaluator
from nasframe.api import Executor as Executor
from nasframe.api import Link as Link
from nasframe.api import Meter as Meter
from nasframe.api import Metrics as Metrics
from nasframe.api import Objective as Objective
from nasframe.api import Proposal as Proposal
from nasframe.api import Report as Report
from nasframe.api import Result as Result
from nasframe.api import SearchSpace as SearchSpace
from nasframe.api import Step as Step
from nasframe.api import Stopper as Stopper
from nasframe.api import Task as Task
from nasframe.api import TaskShape as TaskShape
from nasframe.api import Trial as Trial
from nasframe.config import ControllerConfig as ControllerConfig
from nasframe.config import EvaluatorConfig as EvaluatorConfig
from nasframe.config import ExecutorConfig as ExecutorConfig
from nasframe.config import MeterConfig as MeterConfig
from nasframe.config import ObjectiveConfig as ObjectiveConfig
from nasframe.config import Parts as Parts
from nasframe.config import SearchSpaceConfig as SearchSpaceConfig
from nasframe.config import StopperConfig as StopperConfig
from nasframe.config import StudyConfig as StudyConfig
from nasframe.config import TaskConfig as TaskConfig
from nasframe.config import setting as setting
from nasframe.cpu import threads as threads
from nasframe.errors import NasframeError as NasframeError
from nasframe.errors import nearest as nearest
from nasframe.hookspecs import hookimpl as hookimpl
from nasframe.plugins import option as option
from nasframe.plugins import published as published
from nasframe.result import StudyResult as StudyResult
from nasframe.result import load as load
from nasframe.result import read_result as read_result
from nasframe.study import run as run
from nasframe.weights import load_weights as load_weights
