"""What every test is given: laws without a clock, and logging as it was before."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes no test fail.
settings.register_profile(
    "without a clock", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("without a clock")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command sets up the logging of its process; the next test finds nothing of that"""
    root, operations = logging.getLogger(), logging.getLogger("cdr_graph.operations")
    handlers, levels = root.handlers[:], (root.level, operations.level)
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, operations), levels, strict=True):
        logger.setLevel(level)
