"""Comparison of the courses of two studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasframe.storage import journal

_TIMES = ("time", "seconds", "elapsed", "waited")
_ORDER = ("study", "asked", "reported", "told")


def journal_events(folder: Path) -> list[dict[str, Any]]:
    """Return the events of a study by number, without times.

    Two studies took the same course, with any executor and after any kills, if these are equal.
    Times (and metrics that end in ``seconds`` or ``per_second``), the study's folder, its executor
    and its resumptions are omitted.
    """
    events = [
        _drop_times(event) for event in journal.read_journal(folder) if event["event"] in _ORDER
    ]
    for event in events:
        for key in ("dir", "executor"):
            event.get("config", {}).pop(key, None)
    return sorted(
        events,
        key=lambda e: (e.get("number", -1), _ORDER.index(e["event"]), e.get("epoch", 0)),
    )


def _drop_times(event: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in event.items() if key not in _TIMES}
    if "metrics" in result:
        metrics = result["metrics"].items()
        ends = ("seconds", "per_second")
        result["metrics"] = {key: value for key, value in metrics if not key.endswith(ends)}
    return result
