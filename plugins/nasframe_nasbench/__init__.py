"""Tabular benchmarks: searches that look up results instead of training networks.

NAS-Bench-201 is embedded (Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural
Architecture Search", ICLR 2020); ``SOURCES.md`` lists the sources of its numbers. Other tables are
read from files.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import EvaluatorConfig, SearchSpaceConfig, hookimpl
from nasframe_nasbench.config import (
    NASBench201Config,
    NASBench201LookUpConfig,
    TableConfig,
    TableLookUpConfig,
)


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig]]:
    """NAS-Bench-201, and tables in files."""
    return {"nasbench201": NASBench201Config, "table": TableConfig}


@hookimpl
def nasframe_evaluators() -> Mapping[str, type[EvaluatorConfig]]:
    """Evaluators for the same tables."""
    return {"nasbench201": NASBench201LookUpConfig, "table": TableLookUpConfig}
