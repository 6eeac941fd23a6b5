"""Replay of a journal, which restores the state of its study."""

from __future__ import annotations

from pathlib import Path

from nasframe.api.parts import SearchSpace, Stopper
from nasframe.api.study_config import StudyConfig
from nasframe.storage import events
from nasframe.study.early_stopping import Decisions, ask_stopper
from nasframe.study.enqueue import check_tokens
from nasframe.study.state import Ledger


def replay(
    folder: Path,
    space: SearchSpace,
    ledger: Ledger,
    config: StudyConfig,
    stopper: Stopper | None = None,
) -> Decisions:
    """Replay the journal of a study into a new ledger, and thereby into its controller.

    Args:
        folder: the study's folder.
        space: its search space.
        ledger: gets all events.
        config: the study's configuration.
        stopper: asked again for its decisions, to restore its state; the journal's ones count.

    Returns:
        The stopper's decisions on children whose trials were not told.

    Raises:
        NasframeError: if the journal is damaged, or the controller fails to learn from it.
    """
    decisions: Decisions = {}

    def check(number: int, tokens: tuple[int, ...]) -> None:
        check_tokens(tokens, space.choices[: space.active(number)])

    for event in events.read_events(folder, check):
        match event:
            case events.Asked(_, proposals):
                ledger.record_asked(proposals)
            case events.Told(trial, elapsed, _):
                ledger.record_told(trial, elapsed)
                decisions.pop(trial.number, None)
            case events.Reported(report, reward, go_on) if stopper is not None:
                ask_stopper(stopper, report, reward)
                decisions.setdefault(report.number, {})[report.epoch] = go_on
            case events.Resumed():
                ledger.record_resumed(config.max_failures)
    return decisions
