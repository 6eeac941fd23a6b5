"""Shared tests and test parts for nasframe and its plugins.

Each kind of part has a *contract*: a class of tests. Inherit it in a class whose name starts with
``Test``, and return the settings of your part from ``config``; pytest then runs the tests.
There are also parts for tests: a whole study of them takes milliseconds.
"""

from nasframe.testing.controllers import ControllerContract as ControllerContract
from nasframe.testing.evaluators import EvaluatorContract as EvaluatorContract
from nasframe.testing.executors import ExecutorContract as ExecutorContract
from nasframe.testing.exporters import ExporterContract as ExporterContract
from nasframe.testing.loggers import LoggerContract as LoggerContract
from nasframe.testing.meters import MeterContract as MeterContract
from nasframe.testing.objectives import ObjectiveContract as ObjectiveContract
from nasframe.testing.part import PartContract as PartContract
from nasframe.testing.spaces import SearchSpaceContract as SearchSpaceContract
from nasframe.testing.stoppers import StopperContract as StopperContract
from nasframe.testing.studies import journal_events as journal_events
from nasframe.testing.tasks import TaskContract as TaskContract
from nasframe.testing.toys import ToyControllerConfig as ToyControllerConfig
from nasframe.testing.toys import ToyEvaluatorConfig as ToyEvaluatorConfig
from nasframe.testing.toys import ToyMeterConfig as ToyMeterConfig
from nasframe.testing.toys import ToyObjectiveConfig as ToyObjectiveConfig
from nasframe.testing.toys import ToySpaceConfig as ToySpaceConfig
from nasframe.testing.toys import ToyTaskConfig as ToyTaskConfig
from nasframe.testing.toys import toy_study as toy_study
