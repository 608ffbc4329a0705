"""The twin of VCC Live's Database API v2, CDR log.

Documents: "Get CDR log for a specified uuid" (the record, the lookup, the late availability),
"Get CDR log" (the lists), "Request and Response" (envelope, headers), "Modify quota limits" (the
form of an error), "Authentication and Security" (HTTP Basic, allowed addresses and resources).
What they leave open is a switch.

- `GET /v2/cdr/{year}/{month}/{uuid}` gives one CDR. It needs the month in which the call began.
- `GET /v2/cdrs/{year}/{month}` and `…/{day}` list with `projectid`, `start`, `num`.

One company call is one CDR, also when it was transferred. This vendor sees only what passes its
lines: the company's internal calls are left out entirely.

The seconds add up: `ringtime + billingtime` is the whole call, and `billingtime` is
`beforequeuetime + queuetime + talktime + holdtime`. Where a menu picks up first, `ringtime` is 0
and the agent's ringing is part of `queuetime`. A message left after nobody answered was spoken to
the menu: it is `beforequeuetime`. A transferred caller waits on hold for the second agent, and
talks with both.
"""

from graph.sources.vcclive.simulator.api import simulate
from graph.sources.vcclive.simulator.switches import SETTINGS, Switches

__all__ = ["SETTINGS", "Switches", "simulate"]
