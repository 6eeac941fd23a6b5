"""The number of trials over which studies are compared."""

from __future__ import annotations

from collections.abc import Sequence

from nasframe.errors import NasframeError
from nasframe.report.comparison.studies import Study


def find_limiting_study(studies: Sequence[Study]) -> Study:
    """Return the study that sets the budget: the shortest that has not ended by itself.

    If all studies have ended by themselves, the longest sets it.
    """
    unfinished = [study for study in studies if not study.over]
    by_length = {len(study.rewards_N): study for study in unfinished or studies}
    return by_length[min(by_length) if unfinished else max(by_length)]


def check_marks(marks: Sequence[int], limiting: Study) -> list[int]:
    """Check and sort marks: numbers of trials at which studies are compared.

    Raises:
        NasframeError: if a mark is beyond the budget.
    """
    budget = len(limiting.rewards_N)
    if max(marks) > budget:
        raise NasframeError(
            f"--at {max(marks)}: {limiting.folder} has {budget} trials. Compare at {budget} at "
            "most, resume that study, or leave it out"
        )
    return sorted(set(marks))


def choose_marks(budget: int) -> list[int]:
    """Choose marks: about a quarter and a half of the budget, and the budget itself.

    A budget below 8 trials is the only mark.
    """
    if budget < 8:
        return [budget]
    digits = 2 - len(str(budget // 4))
    return [round(budget // 4, digits), round(budget // 2, digits), budget]
