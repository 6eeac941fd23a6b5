"""The contract of meters."""

from __future__ import annotations

from abc import abstractmethod
from math import isfinite
from pathlib import Path

from nasframe.api.config import MeterConfig
from nasframe.api.parts import Meter
from nasframe.study.run import run
from nasframe.testing.measuring import MeasuringContract, draw_architectures, make_context
from nasframe.testing.toys import ToyObjectiveConfig, toy_study


class MeterContract(MeasuringContract):
    """Tests of the requirements on meters; see ``PartContract``."""

    @abstractmethod
    def config(self) -> MeterConfig:
        """Return the settings of the meter to test."""

    def test_it_gives_what_it_promises(self, tmp_path: Path) -> None:
        meter = self._meter()
        assert meter.provides, "it provides nothing"
        assert meter.device is None or isinstance(meter.device, str)
        for architecture in draw_architectures(self.space(), 1):
            metrics = meter.measure(architecture, make_context(tmp_path))
            assert sorted(metrics) == sorted(meter.provides), f"it returned {sorted(metrics)}"
            for name, value in metrics.items():
                numbers = value if isinstance(value, tuple) else (value,)
                finite = all(isinstance(n, int | float) and isfinite(n) for n in numbers)
                assert finite, f"{name} is {value!r}, which is not a finite number"

    def test_without_a_device_it_gives_the_same_again(self, tmp_path: Path) -> None:
        """Values that depend on the device need ``device``: two devices cannot be compared."""
        one, other = self._meter(), self._meter()
        if one.device is not None:
            return
        for architecture in draw_architectures(self.space(), 2):
            first = one.measure(architecture, make_context(tmp_path))
            for again in (one, other):
                metrics = again.measure(architecture, make_context(tmp_path))
                assert metrics == first, f"it returned {metrics}, before {first}: set device"

    def test_it_measures_in_a_study(self, tmp_path: Path) -> None:
        study = toy_study(
            tmp_path,
            search_space=self.space(),
            task=self.task(),
            meters={"yours": self.config()},
            objective=ToyObjectiveConfig(most=1e300),
            trials=2,
        )
        for trial in run(study).trials:
            assert trial.error is None, f"{trial.architecture}: {trial.error}"
            assert set(self._meter().provides) <= set(trial.metrics)

    def _meter(self) -> Meter:
        return self.config().build(self.space().build(), self.task().build())
