"""The contract of stoppers."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from nasframe.api.config import StopperConfig
from nasframe.api.parts import Stopper
from nasframe.study.run import run
from nasframe.testing.part import PartContract
from nasframe.testing.toys import ToyEvaluatorConfig, toy_study

_CHILDREN, _EPOCHS = 30, 9


class StopperContract(PartContract):
    """Tests of the requirements on stoppers; see ``PartContract``.

    Attributes:
        ends: whether it stops some of many children whose qualities differ widely from the first
            epoch on.
    """

    ends: ClassVar[bool] = True

    @abstractmethod
    def config(self) -> StopperConfig:
        """Return the settings of the stopper to test."""

    def test_its_answers_depend_on_what_it_was_asked(self) -> None:
        """A resumed study asks the same questions again."""
        answers = [_collect_answers(self._stopper()) for _ in range(2)]
        assert answers[0] == answers[1], "asked the same again, it gave other answers"
        for answer in answers[0].values():
            assert isinstance(answer, bool), f"it answered {answer!r}, not True (continue) or False"

    def test_the_best_child_is_never_stopped(self) -> None:
        answers = _collect_answers(self._stopper())
        stopped = {number for (number, _), go_on in answers.items() if not go_on}
        best = max(range(_CHILDREN), key=_compute_quality)
        assert best not in stopped, "it stopped the child that is the best in every epoch"
        assert bool(stopped) is self.ends, f"it stopped {len(stopped)} of {_CHILDREN} children"

    def test_a_study_with_it_ends(self, tmp_path: Path) -> None:
        study = toy_study(
            tmp_path,
            stopper=self.config(),
            evaluator=ToyEvaluatorConfig(epochs=_EPOCHS),
        )
        trials = [trial for trial in run(study).trials if trial.duplicate_of is None]
        assert len(trials) == study.trials
        for trial in trials:
            assert trial.stopped is None or 0 < trial.stopped < _EPOCHS

    def _stopper(self) -> Stopper:
        stopper = self.config().build()
        assert isinstance(stopper, Stopper), f"build returned {stopper!r:.80}"
        return stopper


def _compute_quality(number: int) -> int:
    """Return the quality of a child: distinct values in mixed order."""
    return number * 7 % _CHILDREN


def _collect_answers(stopper: Stopper) -> dict[tuple[int, int], bool]:
    """Collect the answers by child and epoch, child by child, until it stops the child."""
    answers: dict[tuple[int, int], bool] = {}
    for number in range(_CHILDREN):
        for epoch in range(1, _EPOCHS):
            reward = _compute_quality(number) / 100 * epoch
            answers[number, epoch] = stopper.decide(number, epoch, reward, {"val_accuracy": reward})
            if not answers[number, epoch]:
                break
    return answers
