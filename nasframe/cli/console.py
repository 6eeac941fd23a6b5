"""Terminal output of a study: running children, a progress bar, a line per trial, the best trials.

Output to a file has only the lines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from rich import progress
from rich.console import Console, RenderableType
from rich.table import Table

from nasframe._support.text import format_duration, format_number, to_text
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Report, Step, Trial, TrialState
from nasframe.cli.live_children import LiveChildren
from nasframe.storage.weights import weights_path
from nasframe.study.metrics import describe_missed_target, find_latencies, is_contended
from nasframe.study.observer import Observer
from nasframe.study.result import StudyResult, describe_outcome, rank_trials

_SHOWN_TRIALS = 5


class _Bar(progress.Progress):
    """A progress bar below the running children."""

    def __init__(self, children: LiveChildren, console: Console) -> None:
        self._children = children
        super().__init__(
            progress.BarColumn(),
            progress.TextColumn("{task.completed} of {task.fields[wanted]} trials"),
            progress.TextColumn("{task.fields[failed]}"),
            progress.TextColumn("best {task.fields[best]}"),
            progress.TextColumn("{task.fields[left]}"),
            console=console,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the table of running children, then the bar."""
        yield self._children
        yield from super().get_renderables()


class ConsoleObserver(Observer):
    """Shows a study on the terminal.

    Args:
        needs: the metrics to show beside the reward.
        targets: see ``Objective``.
        command: the command line that resumes this study, without its budget.
    """

    def __init__(
        self, needs: Sequence[str], command: str, targets: Mapping[str, float] | None = None
    ) -> None:
        self._needs, self._targets = needs, targets or {}
        self._command = command
        self._console = Console(highlight=False)
        self._children = LiveChildren(needs)
        self._bar = _Bar(self._children, self._console)
        self._task = progress.TaskID(0)
        self._best: float | None = None
        self._done = self._failed = 0
        self._estimated = False
        self._start: float | None = None  # of the first trial: workers take time to start

    def on_start(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """Show the bar."""
        self._config, self._best = config, best
        self._done = self._before = done
        self._since, self._elapsed = monotonic(), elapsed
        verb = f"Resuming after {done} trials in" if done else "Searching in"
        self._console.print(to_text(f"{verb} {config.dir}"))
        self._task = self._bar.add_task(
            "",
            total=config.trials,
            completed=done,
            wanted=config.trials or "?",
            failed="",
            best=_format_reward(best),
            left="",
        )
        self._bar.start()

    def on_message(self, text: str) -> None:
        """Print a line."""
        self._console.print(to_text(f"Note: {text}"))

    def on_submit(self, number: int, step: Step) -> None:
        """Show the child."""
        self._children.start(number, step)

    def on_report(self, report: Report) -> None:
        """Show which epoch the child has reached."""
        self._children.update(report)

    def on_result(self, trial: Trial) -> None:
        """Print the trial's line and advance the bar."""
        self._children.remove(trial.number)
        self._console.print(to_text(self._format_line(trial)), soft_wrap=True)
        if trial.duplicate_of is not None:
            return
        self._done += 1
        self._failed += trial.state is TrialState.FAILED
        if self._start is None:
            self._start = monotonic() - trial.seconds
        if trial.reward is not None:
            self._best = trial.reward if self._best is None else max(self._best, trial.reward)
        left = self._estimate_left()
        if trial.reward is not None and not self._estimated:
            self._estimated = True
            spent = 0.0 if self._before else monotonic() - self._since
            what = "rest of the study" if self._before else "whole study"
            self._console.print(
                to_text(f"The {what} will take about {format_duration(spent + left)}")
            )
        self._bar.update(
            self._task,
            completed=self._done,
            failed=f"{self._failed} failed" if self._failed else "",
            best=_format_reward(self._best),
            left=f"{format_duration(left)} left",
        )

    def _estimate_left(self) -> float:
        """Estimate the seconds until the first limit is reached."""
        now = monotonic()
        limits = []
        if self._config.trials is not None and self._start is not None:
            each = (now - self._start) / (self._done - self._before)
            limits.append(each * (self._config.trials - self._done))
        if self._config.hours is not None:
            limits.append(self._config.hours * 3600 - self._elapsed - now + self._since)
        return max(0.0, min(limits))

    def _format_line(self, trial: Trial) -> str:
        start = f"trial {trial.number:>3}  "
        if trial.duplicate_of is not None:
            had = f"{trial.state}:" if trial.reward is None else f"reward {trial.reward:.4f} "
            return f"{start}{had} the same network as trial {trial.duplicate_of}"
        if trial.state is TrialState.STOPPED and trial.reward is None:
            return f"{start}{trial.error}"
        if trial.reward is None:
            return f"{start}{trial.state}: {describe_outcome(trial)[1]}"
        numbers = "  ".join(f"{name} {value}" for name, value in self._format_numbers(trial))
        how = "  from the cache" if trial.cached else ""
        if trial.state is TrialState.STOPPED:
            how = f"  stopped after epoch {trial.stopped}"
        return f"{start}reward {trial.reward:.4f}  {numbers}{how}"

    def _format_numbers(self, trial: Trial) -> list[tuple[str, str]]:
        names = dict.fromkeys([*self._needs, "parameters", *find_latencies(trial.metrics)])
        shown = {name: trial.metrics[name] for name in names if name in trial.metrics}
        # A series is shown as its last value, under the name of a single value.
        numbers = {
            name.removesuffix("_epochs"): format_number(value) for name, value in shown.items()
        }
        return [*numbers.items(), ("seconds", f"{trial.seconds:.1f}")]

    def on_end(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """Print the best trials and the next commands."""
        self.on_close()
        new = [trial for trial in result.trials if trial.duplicate_of is None]
        self._print_counts(result, new)
        self._print_notes(new)
        if best := result.top(_SHOWN_TRIALS):
            self._print_table(best, describe)
        self._print_hints(result)

    def on_close(self) -> None:
        """Remove the children and stop the bar."""
        self._children.clear()
        if self._bar.live.is_started:
            self._bar.stop()

    def _print_counts(self, result: StudyResult, new: Sequence[Trial]) -> None:
        failed = sum(trial.state is TrialState.FAILED for trial in new)
        stopped = sum(trial.state is TrialState.STOPPED for trial in new)
        cached = sum(trial.cached for trial in new)
        counts = f"{len(new)} trials, {failed} failed, "
        rejected = sum(trial.state is TrialState.REJECTED for trial in new)
        counts += f"{rejected} rejected, " if rejected else ""
        counts += f"{stopped} stopped early, " if stopped else ""
        counts += f"{cached} from the cache, " if cached else ""
        counts += f"{len(result.trials) - len(new)} duplicates."
        self._console.print()
        self._console.print(to_text(f"Ended: {result.ended}. {counts}"), soft_wrap=True)

    def _print_notes(self, new: Sequence[Trial]) -> None:
        if busy := sum(is_contended(trial.metrics) for trial in new):
            self.on_message(
                f"{busy} latencies were measured while other processes kept the processor busy: "
                "compare ratios, or measure on a quiet machine"
            )
        if text := describe_missed_target(
            self._targets, [(t.number, t.metrics) for t in rank_trials(new)]
        ):
            self.on_message(text)

    def _print_table(self, best: Sequence[Trial], describe: Callable[[Architecture], str]) -> None:
        table = Table(title=f"The best {len(best)}", title_justify="left")
        for name in ("trial", "reward", *(name for name, _ in self._format_numbers(best[0]))):
            table.add_column(name.replace("_", " "), justify="right")
        for trial in best:
            numbers = [to_text(value) for _, value in self._format_numbers(trial)]
            table.add_row(str(trial.number), f"{trial.reward:.4f}", *numbers)
        self._console.print(table)
        for trial in best:
            words = describe(trial.architecture)
            self._console.print(to_text(f"trial {trial.number}  {words}"), soft_wrap=True)

    def _print_hints(self, result: StudyResult) -> None:
        lines = [
            "",
            f"Folder:   {result.folder}",
            f"Resume:   {self._command}{self._format_budget(result)}",
        ]
        if result.best is not None and weights_path(result.folder, result.best.number).is_file():
            code = f"import nasframe; print(nasframe.load({str(result.folder)!r}))"
            plain_name = re.fullmatch(r"[\w./+-]+", str(result.folder))
            quoted = f'"{code}"' if plain_name else shlex.quote(code)
            lines.append(f"Load:     python -c {quoted}")
        for line in lines:
            self._console.print(to_text(line), soft_wrap=True)

    def _format_budget(self, result: StudyResult) -> str:
        """Format the budget for resuming: the same after an interruption, else twice."""
        more = 1 if result.interrupted else 2
        trials, hours = self._config.trials, self._config.hours
        words = "" if trials is None else f" trials={more * trials}"
        return words if hours is None else f"{words} hours={more * hours:g}"


def _format_reward(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
