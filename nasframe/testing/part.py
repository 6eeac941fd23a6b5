"""The contract of parts of any kind."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from abc import ABC, abstractmethod
from unittest import SkipTest

from nasframe.api.config import Config
from nasframe.registry.plugins import HEAVY
from nasframe.registry.serialization import from_plain, to_plain, type_name

_PROGRAM = "import sys, {module}; print(*(name for name in {heavy} if name in sys.modules))"


class PartContract(ABC):
    """Tests of a part: inherit the contract of its kind in a class ``Test...`` for pytest.

    Class attributes describe the part. Override ``config``; the other methods have defaults that
    fit most parts.
    """

    @abstractmethod
    def config(self) -> Config:
        """Return the settings of the part to test."""

    def test_its_settings_are_plain_values(self) -> None:
        """A journal stores them as JSON, and a report restores them."""
        config = self.config()
        kept = json.loads(json.dumps(to_plain(config)))
        again = from_plain(kept, {type_name(type(config)): type(config)})
        assert again == config, f"stored in a journal and restored, they are {again}"

    def test_its_settings_reach_a_worker(self) -> None:
        """They are pickled to reach another process."""
        config = self.config()
        assert pickle.loads(pickle.dumps(config)) == config, "pickling changes them"

    def test_its_module_is_light(self) -> None:
        """Heavy packages are imported in ``build`` or later: every command loads every plugin."""
        module = type(self.config()).__module__
        if module == "__main__":
            raise SkipTest("its module cannot be imported")
        program = _PROGRAM.format(module=module, heavy=HEAVY)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"import {module} fails: {done.stderr}"
        loaded = done.stdout.split()
        assert not loaded, f"import {module} loads {', '.join(loaded)}: import it in build()"
