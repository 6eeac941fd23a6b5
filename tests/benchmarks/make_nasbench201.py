"""Makes the embedded table: ``python tests/benchmarks/make_nasbench201.py TABLE.npz``.

TABLE.npz has one row for each of NAS-Bench-201's 15,625 cells: ``ops``, the six operations, and one
array for each other column. The rows are put into the order of the tokens, so that the tokens need
not be stored; ``plugins/nasframe_nasbench/SOURCES.md`` names the columns and where they come from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "plugins" / "nasframe_nasbench" / "nasbench201.npz"


def main() -> None:
    with np.load(sys.argv[1]) as table:
        order = np.lexsort(table["ops"].T[::-1])  # the last key counts first
        columns = {name: table[name][order] for name in table.files if name not in {"arch", "ops"}}
    np.savez_compressed(TABLE, **columns)
    print(f"{TABLE}: {TABLE.stat().st_size:,} bytes; {', '.join(columns)}")


if __name__ == "__main__":
    main()
