"""A study of toys as a process of its own, to be killed.

``toy_program.py DIR LOG [SECONDS [WORKERS]]``; without WORKERS it trains in its own process.
"""

import sys
from pathlib import Path

from toys import ToyEvaluatorConfig, ToySpaceConfig, toy_study

import nasframe

if __name__ == "__main__":
    folder, log = map(Path, sys.argv[1:3])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.06
    evaluator = ToyEvaluatorConfig(seconds=seconds, log=log, fails=3)
    space = ToySpaceConfig(choices=3, symmetric=True)
    workers = {"workers": int(sys.argv[4])} if len(sys.argv) > 4 else {}
    config = toy_study(
        folder,
        search_space=space,
        evaluator=evaluator,
        executor=nasframe.option("executor", "process" if workers else "serial", **workers),
        trials=25,
        max_failures=100,
    )
    print("ready", flush=True)
    result = nasframe.run(config)
    sys.exit(130 if result.interrupted else 0)
