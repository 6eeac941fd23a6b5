"""What a stopper must keep to."""

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
    """What a stopper must keep to, as tests; see ``PartContract``.

    Attributes:
        ends: whether it ends some of many children when some are far better than others from
            their first epoch on.
    """

    ends: ClassVar[bool] = True

    @abstractmethod
    def config(self) -> StopperConfig:
        """The settings of the stopper to be tested."""

    def test_its_answers_depend_on_what_it_was_asked(self) -> None:
        """A resumed study repeats all questions."""
        answers = [_answers(self._stopper()) for _ in range(2)]
        assert answers[0] == answers[1], "asked the same again, it answered something else"
        for answer in answers[0].values():
            assert isinstance(answer, bool), f"it answered {answer!r}: true to go on, or false"

    def test_the_best_child_goes_on_and_others_do_not(self) -> None:
        answers = _answers(self._stopper())
        ended = {number for (number, _), go_on in answers.items() if not go_on}
        best = max(range(_CHILDREN), key=_quality)
        assert best not in ended, "it has ended the child that is the best in every epoch"
        assert bool(ended) is self.ends, f"of {_CHILDREN} children it has ended {len(ended)}"

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
        assert isinstance(stopper, Stopper), f"build gave {stopper!r:.80}"
        return stopper


def _quality(number: int) -> int:
    """How good a child is: all of them differ, in no order."""
    return number * 7 % _CHILDREN


def _answers(stopper: Stopper) -> dict[tuple[int, int], bool]:
    """By child and epoch: one child after the other; one that was ended is not asked again."""
    answers: dict[tuple[int, int], bool] = {}
    for number in range(_CHILDREN):
        for epoch in range(1, _EPOCHS):
            reward = _quality(number) / 100 * epoch
            answers[number, epoch] = stopper.decide(number, epoch, reward, {"val_accuracy": reward})
            if not answers[number, epoch]:
                break
    return answers
