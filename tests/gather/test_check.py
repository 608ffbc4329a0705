"""One small question to each source tells what a person should mend."""

from __future__ import annotations

import pytest

from graph.gather import check
from graph.observe import Trace
from graph.types.answer import OutcomeState
from tests.support import product, run


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ("Europe/Budapest", None),
        ("Asia/Kolkata", "not known here: a local time that is not of Asia/Kolkata"),
    ],
)
def test_a_time_zone_that_is_not_the_systems_is_told(configured: str, message: str | None) -> None:
    async def work() -> None:
        source = {"vendor": "vcclive", "time_zone": configured}
        switches = {"vcclive": {"time_zone": "Europe/Budapest"}}
        async with product(source, switches=switches) as api:
            trace = Trace(api.graph.context().caller, api.clock.timer, deadline_ms=8000)
            (health,) = await check.all_sources(api.graph.sources, trace)
            assert health.state is OutcomeState.OK
            assert health.newest_at is not None
            assert health.message == message

    run(work)
