"""A study of the embedded table as a process of its own, to be killed; it never imports torch.

``table_program.py DIR TRIALS EXECUTOR WORKERS SYNCHRONOUS``, the last one 0 or 1.
"""

import sys
from pathlib import Path

from toys import toy_study

import nasframe

if __name__ == "__main__":
    folder, trials, executor, workers, synchronous = sys.argv[1:]
    settings = {} if executor == "serial" else {"workers": int(workers)}
    config = toy_study(
        Path(folder),
        search_space=nasframe.option("search_space", "nasbench201"),
        evaluator=nasframe.option("evaluator", "nasbench201"),
        controller=nasframe.option("controller", "evolution"),
        executor=nasframe.option("executor", executor, **settings),
        trials=int(trials),
        synchronous=bool(int(synchronous)),
    )
    nasframe.run(config)
    assert executor == "ray" or "torch" not in sys.modules
