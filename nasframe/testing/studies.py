"""Whether two studies took the same course."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasframe.storage import journal

_TIMES = ("time", "seconds", "elapsed", "waited")
_ORDER = ("study", "asked", "reported", "told")


def journal_events(folder: Path) -> list[dict[str, Any]]:
    """The events of a study ordered by number, times aside.

    Two studies took the same course, on whatever executor and after whatever kills, if these are
    equal. Left out are times (and metrics that end in ``seconds`` or ``per_second``), the study's
    folder and executor, and when it was resumed.
    """
    events = [_timeless(event) for event in journal.read(folder) if event["event"] in _ORDER]
    for event in events:
        for key in ("dir", "executor"):
            event.get("config", {}).pop(key, None)
    return sorted(
        events,
        key=lambda e: (e.get("number", -1), _ORDER.index(e["event"]), e.get("epoch", 0)),
    )


def _timeless(event: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in event.items() if key not in _TIMES}
    if "metrics" in result:
        metrics = result["metrics"].items()
        ends = ("seconds", "per_second")
        result["metrics"] = {key: value for key, value in metrics if not key.endswith(ends)}
    return result
