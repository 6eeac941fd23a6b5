"""The contract of evaluators."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasframe.api.config import EvaluatorConfig
from nasframe.api.parts import Evaluator
from nasframe.api.types import Metrics
from nasframe.registry.options import option
from nasframe.study.run import run
from nasframe.testing.measuring import MeasuringContract, draw_architectures, make_context
from nasframe.testing.studies import journal_events
from nasframe.testing.toys import ToyObjectiveConfig, toy_study

_TIMES = ("seconds", "per_second")


class EvaluatorContract(MeasuringContract):
    """Tests of the requirements on evaluators; see ``PartContract``."""

    @abstractmethod
    def config(self) -> EvaluatorConfig:
        """Return the settings of the evaluator to test; a child must take at most a few seconds."""

    def test_it_gives_what_it_promises(self, tmp_path: Path) -> None:
        evaluator = self._evaluator()
        assert evaluator.provides, "it provides nothing"
        (architecture,) = draw_architectures(self.space(), 1)
        metrics = evaluator.evaluate(architecture, make_context(tmp_path))
        missing = set(evaluator.provides) - set(metrics)
        assert not missing, f"it did not return {', '.join(sorted(missing))}"

    def test_the_same_child_has_the_same_metrics(self, tmp_path: Path) -> None:
        """On a CPU, except times: a lost child is evaluated again."""
        (architecture,) = draw_architectures(self.space(), 1)
        found = [
            _drop_times(self._evaluator().evaluate(architecture, make_context(tmp_path)))
            for _ in range(2)
        ]
        assert found[0] == found[1], "evaluated twice, it returned other metrics"

    def test_it_reports_each_epoch(self, tmp_path: Path) -> None:
        evaluator = self._evaluator()
        reported: list[tuple[int, Metrics]] = []

        def report(epoch: int, metrics: Metrics) -> bool:
            reported.append((epoch, metrics))
            return True

        (architecture,) = draw_architectures(self.space(), 1)
        evaluator.evaluate(architecture, replace(make_context(tmp_path), report=report))
        wanted = list(range(1, evaluator.epochs + 1)) if evaluator.reports else []
        epochs = [epoch for epoch, _ in reported]
        assert epochs == wanted, f"it reported the epochs {epochs}, not {wanted}"
        for _, metrics in reported:
            assert set(evaluator.reports) <= set(metrics), f"it reported {sorted(metrics)}"

    def test_a_child_that_is_stopped_returns_its_last_metrics(self, tmp_path: Path) -> None:
        evaluator = self._evaluator()
        reported: list[int] = []

        def report(epoch: int, metrics: Metrics) -> bool:
            reported.append(epoch)
            return False

        (architecture,) = draw_architectures(self.space(), 1)
        metrics = evaluator.evaluate(architecture, replace(make_context(tmp_path), report=report))
        wanted = [1] if evaluator.reports else []
        assert reported == wanted, f"asked to stop, it reported {reported}"
        assert set(evaluator.provides) <= set(metrics)

    def test_its_fingerprint_is_a_text(self) -> None:
        one, other = (self._evaluator().fingerprint() for _ in range(2))
        assert one is None or isinstance(one, str), f"fingerprint: {one!r:.80}"
        assert one == other, "built again, it has another fingerprint: nothing would be cached"

    def test_a_study_is_the_same_with_workers(self, tmp_path: Path) -> None:
        """Run a study in this process and in worker processes."""
        metric = next(n for n in self._evaluator().provides if not n.endswith(_TIMES))
        courses = []
        for executor in ("serial", "process"):
            settings: dict[str, Any] = {"workers": 1} if executor == "process" else {}
            study = toy_study(
                tmp_path / executor,
                search_space=self.space(),
                task=self.task(),
                evaluator=self.config(),
                objective=ToyObjectiveConfig(metric=metric),
                executor=option("executor", executor, **settings),
                trials=2,
            )
            for trial in run(study).trials:
                assert trial.error is None, f"{trial.architecture}: {trial.error}"
            courses.append(journal_events(study.dir)[1:])
        assert courses[0] == courses[1]

    def _evaluator(self) -> Evaluator:
        return self.config().build(self.space().build(), self.task().build())


def _drop_times(metrics: Metrics) -> Metrics:
    return {name: value for name, value in metrics.items() if not name.endswith(_TIMES)}
