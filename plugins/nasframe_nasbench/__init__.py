"""Benchmarks in tables: a search over networks that others have trained needs no training.

NAS-Bench-201 is embedded (Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural
Architecture Search", ICLR 2020); ``SOURCES.md`` names where its numbers come from. Any other table
is read from a file.
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
    """NAS-Bench-201, and the user's own table."""
    return {"nasbench201": NASBench201Config, "table": TableConfig}


@hookimpl
def nasframe_evaluators() -> Mapping[str, type[EvaluatorConfig]]:
    """The same."""
    return {"nasbench201": NASBench201LookUpConfig, "table": TableLookUpConfig}
