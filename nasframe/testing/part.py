"""What a part of any kind must keep to."""

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
    """What a part must keep to, as tests: inherit its kind's contract in a class ``Test...``.

    pytest then runs them. Class attributes are what a part may say of itself; other methods than
    ``config`` have answers that fit most parts, and may be given, too.
    """

    @abstractmethod
    def config(self) -> Config:
        """The settings of the part to be tested."""

    def test_its_settings_are_plain_values(self) -> None:
        """A journal keeps them as JSON, and a report makes them again from that."""
        config = self.config()
        kept = json.loads(json.dumps(to_plain(config)))
        again = from_plain(kept, {type_name(type(config)): type(config)})
        assert again == config, f"written into a journal and read again, they are {again}"

    def test_its_settings_reach_a_worker(self) -> None:
        """They are pickled on the way to another process."""
        config = self.config()
        assert pickle.loads(pickle.dumps(config)) == config, "pickled, they are different"

    def test_its_module_is_light(self) -> None:
        """What is heavy is imported in ``build`` or later: every command loads every plugin."""
        module = type(self.config()).__module__
        if module == "__main__":
            raise SkipTest("it is in no module that can be imported")
        program = _PROGRAM.format(module=module, heavy=HEAVY)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"import {module} fails: {done.stderr}"
        loaded = done.stdout.split()
        assert not loaded, f"import {module} loads {', '.join(loaded)}: import it in build()"
