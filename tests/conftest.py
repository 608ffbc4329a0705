"""What every test is given: laws without a clock, and logging as it was before."""

import gc
import logging
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

# httpx looks for this at every request to an app. Where it is not installed, that is known at once.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

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


def pytest_collection_finish() -> None:
    """Spares the collector what was imported and collected: it would look through it for ever"""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
