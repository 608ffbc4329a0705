"""An input becomes a definition, or all that is wrong with it; what reports have in common is
checked in `reports/rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.config import ReportSettings
from graph.engine.definition import (
    Author,
    Definition,
    Looks,
    Mail,
    Party,
    Target,
    Webhook,
    author_of,
)
from graph.engine.deliver import mail, webhook
from graph.engine.looks import Refused, extensions, unable
from graph.engine.run import able
from graph.engine.tables import NEVER, Blueprint, CallTable, blueprint
from graph.errors import BadUserInput, NotAllowed
from graph.gather import keys
from graph.gather.checks import checks
from graph.reports import rules
from graph.reports.gateway import Asker
from graph.reports.rules import wrong
from graph.types.report import (
    ExtensionGroupCallCostReportFilter,
    NormalReportFilter,
    QueueFailedCallbacksReportFilter,
    QueueReportFilter,
    ReportFilter,
    ReportParty,
    RingGroupReportFilter,
)
from graph.types.report_inputs import (
    CreateCallReportInput,
    DeliveryInput,
    UpdateCallReportInput,
    UserError,
    UserErrorCode,
)
from graph.types.report_words import CallReportPreset, CallReportType, ReportCallKind

Errors = Iterator[UserError]

MOST_TARGETS = 10
_LONGEST_WAIT_SECONDS = 3600


def of_new(
    given: CreateCallReportInput, asker: Asker, settings: ReportSettings
) -> tuple[Definition | None, list[UserError]]:
    """The definition of a new report; None with what is wrong. `rules.of_create` found nothing."""
    errors = [*_own_rules(given, settings)]
    if given.source is not None and given.sources is not None:
        errors.append(
            wrong("source", UserErrorCode.VALUE_NOT_ALLOWED, "give `source` or `sources`, not both")
        )
    if errors:
        return None, errors
    draft = rules.draft_of(given)
    assert draft.name is not None
    assert draft.type is not None
    assert draft.format is not None
    assert draft.range is not None
    assert draft.filter is not None
    ids = given.sources if given.source is None else [given.source]
    made = Definition(
        name=draft.name,
        type=draft.type.name,
        format=draft.format.name,
        **_range_of(draft.range.preset, draft.range.window),
        time_zone=given.time_zone or "UTC",
        cron_expression=draft.cron_expression or None,
        sources=None if ids is None else tuple(dict.fromkeys(map(str, ids))),
        looks=looks_of(draft.filter),
        targets=_targets(given.email, given.deliver or []),
        rerun_incomplete=bool(given.rerun_incomplete),
        author=author_of(asker.caller),
    )
    return _checked(made, asker)


def of_change(
    before: Definition, given: UpdateCallReportInput, asker: Asker, settings: ReportSettings
) -> tuple[Definition | None, list[UserError]]:
    """The definition as it is after the change. It runs with the rights of who changes it."""
    errors = [*rules.of_update(given, None, ours=True), *_own_rules(given, settings)]
    if given.filter is not None:
        errors += rules.of_filter_change(given.filter, before.kind)
    if errors:
        return None, errors
    draft = rules.draft_of(given)
    changes: dict[str, object] = {"author": author_of(asker.caller)}
    if draft.name is not None:
        changes["name"] = draft.name
    if draft.format is not None:
        changes["format"] = draft.format.name
    if draft.range is not None:
        changes |= _range_of(draft.range.preset, draft.range.window)
    if given.time_zone is not None:
        changes["time_zone"] = given.time_zone
    if draft.cron_expression is not None:
        changes["cron_expression"] = draft.cron_expression or None
    if given.sources is not None:
        changes["sources"] = tuple(dict.fromkeys(map(str, given.sources)))
    if draft.filter is not None:
        changes["looks"] = looks_of(draft.filter)
    if given.deliver is not None or given.email is not None:
        others = [t for t in before.targets if given.deliver is None and not isinstance(t, Mail)]
        changes["targets"] = (*_targets(given.email, given.deliver or []), *others)
    if given.rerun_incomplete is not None:
        changes["rerun_incomplete"] = given.rerun_incomplete
    return _checked(msgspec.structs.replace(before, **changes), asker)


def _checked(made: Definition, asker: Asker) -> tuple[Definition | None, list[UserError]]:
    errors = list(_sources(made, asker))
    try:
        if made.kind not in NEVER:
            _may_ask(blueprint(made), asker)
    except Refused as refused:
        errors.append(wrong(refused.field, UserErrorCode.OUT_OF_RANGE, str(refused)))
    except (NotAllowed, BadUserInput) as error:
        errors.append(wrong("filter", UserErrorCode.UNSUPPORTED, str(error)))
    looks = made.looks
    for side, party in (("caller", looks.caller), ("callee", looks.callee)):
        if party is not None and party.kind == "NUMBERS_CONTAIN" and not asker.caller.clear:
            told = "without the scope numbers:clear parts of numbers cannot be asked for"
            errors.append(wrong(f"filter.normal.{side}.kind", UserErrorCode.UNSUPPORTED, told))
    return (None, errors) if errors else (made, [])


def _may_ask(plan: Blueprint, asker: Asker) -> None:
    """NotAllowed or BadUserInput where the list or the statistics would not take a filter"""
    for table in plan.tables:
        filters = (
            [table.filter]
            if isinstance(table, CallTable)
            else [filter for _, filter in table.slices]
        )
        for filter in filters:
            checks(filter, asker.caller)


# ---------------------------------------------------------------- rules


def _own_rules(
    given: CreateCallReportInput | UpdateCallReportInput, settings: ReportSettings
) -> Errors:
    if given.time_zone is not None and not _is_zone(given.time_zone):
        yield wrong("timeZone", UserErrorCode.INVALID_TIME_ZONE, "write a zone like Europe/Berlin")
    if given.email is not None:
        yield from _mail("email", given.email, settings)
    if len(given.deliver or []) > MOST_TARGETS:
        yield wrong("deliver", UserErrorCode.TOO_MANY, f"at most {MOST_TARGETS} may be told")
    for place, one in enumerate(given.deliver or []):
        if one.mail:
            yield from rules.email(f"deliver[{place}].mail.to", one.mail.to, None)
            yield from _mail(f"deliver[{place}].mail.to", one.mail.to, settings)
        elif one.webhook:
            yield from _webhook(f"deliver[{place}].webhook.url", one.webhook.url, settings)
    filter = given.filter
    if filter is None:
        return
    if filter.queue and (filter.queue.answer_within_seconds or 0) > _LONGEST_WAIT_SECONDS:
        yield wrong(
            "filter.queue.answerWithinSeconds",
            UserErrorCode.OUT_OF_RANGE,
            f"at most {_LONGEST_WAIT_SECONDS} seconds",
        )
    if filter.queue and (filter.queue.exclude_dropped_before_seconds or 0) > _LONGEST_WAIT_SECONDS:
        yield wrong(
            "filter.queue.excludeDroppedBeforeSeconds",
            UserErrorCode.OUT_OF_RANGE,
            f"at most {_LONGEST_WAIT_SECONDS} seconds",
        )
    cost = filter.extension_group_call_cost
    if cost:
        yield from _groups(cost.call_kind, cost.groups)


def _groups(call_kind: ReportCallKind, groups: list[str]) -> Errors:
    where = "filter.extensionGroupCallCost"
    if call_kind is not ReportCallKind.ANY:
        yield wrong(
            f"{where}.callKind",
            UserErrorCode.UNSUPPORTED,
            "call histories do not tell tariffs, so it can only be ANY here",
        )
    if not groups:
        yield wrong(f"{where}.groups", UserErrorCode.VALUE_REQUIRED, "name at least one group")
    for place, group in enumerate(groups):
        if not rules.is_extensions(group):
            yield wrong(
                f"{where}.groups[{place}]",
                UserErrorCode.INVALID_EXTENSION_RANGE,
                "call histories do not tell groups: write one as an extension, `101`, or a range, "
                "`101-110`",
            )
            continue
        try:
            extensions(f"{where}.groups[{place}]", group)
        except Refused as refused:
            yield wrong(refused.field, UserErrorCode.OUT_OF_RANGE, str(refused))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _mail(field: str, address: str, settings: ReportSettings) -> Errors:
    if settings.mail is None:
        yield wrong(field, UserErrorCode.UNSUPPORTED, "this server is not set up to send mail")
    elif not mail.allowed(address, settings.mail):
        yield wrong(
            field,
            UserErrorCode.INVALID_ADDRESS,
            f"mails may go to {', '.join(settings.mail.domains)} only",
        )


def _webhook(field: str, url: str, settings: ReportSettings) -> Errors:
    if settings.webhooks is None:
        yield wrong(field, UserErrorCode.UNSUPPORTED, "this server is not set up to send webhooks")
        return
    refused = webhook.allowed(url, settings.webhooks)
    if refused is not None:
        yield wrong(field, UserErrorCode.INVALID_ADDRESS, refused)


def _sources(made: Definition, asker: Asker) -> Errors:
    """What a definition's sources cannot do of its type"""
    if made.kind in NEVER:
        yield wrong("type", UserErrorCode.UNSUPPORTED, NEVER[made.kind])
        return
    if made.kind is CallReportType.TEAM_QUEUE_GENERAL_STATISTICS and not made.looks.queues:
        yield wrong(
            "filter.queue.queues", UserErrorCode.VALUE_REQUIRED, "name the queues of the team"
        )
    if made.sources == ():
        yield wrong("sources", UserErrorCode.VALUE_REQUIRED, "name at least one, or leave it out")
    for place, id in enumerate(made.sources or ()):
        live = asker.sources.live.get(id)
        told = next((told for told in asker.sources.told if told.id == id), None)
        if told is None or not asker.caller.sees(id):
            yield wrong(f"sources[{place}]", UserErrorCode.NOT_FOUND, "there is no such source")
        elif live is None:
            reason = told.reason or "it is not asked"
            yield wrong(f"sources[{place}]", UserErrorCode.UNSUPPORTED, reason)
        else:
            why = unable(live, made.kind)
            if why is not None:
                yield wrong(f"sources[{place}]", UserErrorCode.UNSUPPORTED, why)
    if made.sources is None and not able(made, asker.sources):
        reasons = {unable(live, made.kind) for live in asker.sources.live.values()
                   if asker.caller.sees(live.id)}  # fmt: skip
        told_why = "; ".join(sorted(why for why in reasons if why)) or "there is no source"
        yield wrong("type", UserErrorCode.UNSUPPORTED, f"no source supports it: {told_why}")


# ---------------------------------------------------------------- parts of a definition


def _range_of(preset: CallReportPreset, window: object) -> dict[str, Any]:
    since, until = getattr(window, "since", None), getattr(window, "until", None)
    return {
        "preset": preset.name,
        "since_us": None if since is None else keys.to_us(since),
        "until_us": None if until is None else keys.to_us(until),
    }


def _targets(email: str | None, deliver: list[DeliveryInput]) -> tuple[Target, ...]:
    made: list[Target] = [] if email is None else [Mail(email, attach=False)]
    for one in deliver:
        if one.mail:
            made.append(Mail(one.mail.to, one.mail.attach))
        elif one.webhook:
            made.append(Webhook(one.webhook.url))
    return tuple(dict.fromkeys(made))


def _party(party: ReportParty) -> Party:
    return Party(party.kind.name, party.value)


def looks_of(filter: ReportFilter) -> Looks:
    """A filter of any type as it is kept"""
    if isinstance(filter, NormalReportFilter):
        return Looks(
            caller=_party(filter.caller),
            callee=_party(filter.callee),
            answer_state=filter.answer_state.name,
            duration_kind=filter.duration.kind.name,
            min_seconds=filter.duration.min_seconds,
            max_seconds=filter.duration.max_seconds,
        )
    if isinstance(filter, ExtensionGroupCallCostReportFilter):
        return Looks(call_kind=filter.call_kind.name, groups=tuple(filter.groups))
    if isinstance(filter, QueueReportFilter):
        return Looks(
            queues=tuple(filter.queues),
            exclude_dropped_before_seconds=filter.exclude_dropped_before_seconds,
            answer_within_seconds=filter.answer_within_seconds,
        )
    if isinstance(filter, QueueFailedCallbacksReportFilter):
        return Looks(queues=tuple(filter.queues))
    assert isinstance(filter, RingGroupReportFilter)
    return Looks(ring_groups=tuple(filter.ring_groups))


def sees(asker: Asker, author: Author, sources: tuple[str, ...] | None) -> bool:
    """Whether what an author made exists for somebody: all its sources must, and clear numbers
    only for those who may see them
    """
    mine = asker.caller
    meant = author.sources if sources is None else sources
    whole = mine.sources is None or (meant is not None and set(meant) <= mine.sources)
    return whole and ("numbers:clear" not in author.scopes or "numbers:clear" in mine.scopes)
