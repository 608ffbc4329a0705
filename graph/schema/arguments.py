"""The arguments that root fields share, each described once."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graph.types.call import CallUnit
from graph.types.inputs import AskOptions, CallFilter, CallOrder, CallRecordRef
from graph.types.stats import StatsKey

_about = strawberry.argument

Id = Annotated[strawberry.ID, _about(description="The id, as an answer gave it.")]
Ids = Annotated[list[strawberry.ID], _about(description="The ids, as answers gave them.")]
SourceId = Annotated[
    strawberry.ID, _about(description="The id of the source in the configuration, e.g. `hq`.")
]
Filter = Annotated[
    CallFilter | None, _about(description="Which calls are wanted. Without it: all.")
]
Unit = Annotated[CallUnit, _about(description="Whole calls, or their legs.")]
Order = Annotated[CallOrder, _about(description="Which end of the list comes first.")]
First = Annotated[
    int | None,
    _about(
        description="How many entries, counted from the start of the list or from `after`. With "
        "neither `first` nor `last`: 50. More than the server allows is an error, never cut short."
    ),
]
After = Annotated[str | None, _about(description="The cursor after which entries are wanted.")]
Last = Annotated[
    int | None,
    _about(description="How many entries, counted back from the end of the list or from `before`."),
]
Before = Annotated[str | None, _about(description="The cursor before which entries are wanted.")]
StatsFilter = Annotated[
    CallFilter,
    _about(description="Which calls are counted. `since` and `until` are needed."),
]
GroupBy = Annotated[
    list[StatsKey] | None,
    _about(description="The keys of `groups`, several at once. Without any there are no groups."),
]
TimeZone = Annotated[
    str,
    _about(description="The IANA zone of hours, days, weeks and months, e.g. `Europe/Berlin`."),
]
Options = Annotated[AskOptions | None, _about(description="How the question is to be answered.")]
Ref = Annotated[CallRecordRef, _about(description="Which record.")]
Resume = Annotated[
    str | None,
    _about(
        description="The cursor of the last event that was seen, to go on after an interruption. "
        "Without it: from now on."
    ),
]
