"""Over how many trials studies are compared."""

from __future__ import annotations

from collections.abc import Sequence

from nasframe.errors import NasframeError
from nasframe.report.comparison.studies import Study


def limiting_study(studies: Sequence[Study]) -> Study:
    """Return the study that sets the budget: the shortest that did not end by itself, if any."""
    unfinished = [study for study in studies if not study.over]
    by_length = {len(study.rewards_N): study for study in unfinished or studies}
    return by_length[min(by_length) if unfinished else max(by_length)]


def checked(marks: Sequence[int], limiting: Study) -> list[int]:
    """Marks in their order.

    Raises:
        NasframeError: if one is beyond the budget.
    """
    budget = len(limiting.rewards_N)
    if max(marks) > budget:
        raise NasframeError(
            f"--at {max(marks)}: {limiting.folder} has {budget} trials. Compare at {budget} at "
            "most, let it go on, or leave it out"
        )
    return sorted(set(marks))


def usual_marks(budget: int) -> list[int]:
    """The budget, and about its half and its quarter if they are not too close."""
    if budget < 8:
        return [budget]
    digits = 2 - len(str(budget // 4))
    return [round(budget // 4, digits), round(budget // 2, digits), budget]
