"""An input becomes a draft, or all that is wrong with it. Nobody is asked here.

`field` of a user error is a path in the input, as the schema spells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.reports.cron import fault
from graph.sources.writes import ReportDraft
from graph.types.report import (
    CallReportRange,
    ExtensionGroupCallCostReportFilter,
    NormalReportFilter,
    QueueFailedCallbacksReportFilter,
    QueueReportFilter,
    ReportDuration,
    ReportFilter,
    ReportParty,
    RingGroupReportFilter,
)
from graph.types.report_inputs import (
    CallReportFilterInput,
    CallReportRangeInput,
    CreateCallReportInput,
    NormalReportFilterInput,
    ReportDurationInput,
    ReportPartyInput,
    UpdateCallReportInput,
    UserError,
    UserErrorCode,
)
from graph.types.report_words import (
    CallReportFormat,
    CallReportPreset,
    CallReportType,
    ReportDurationKind,
    ReportEngine,
    ReportPartyKind,
    takes_value,
)
from graph.types.scalars import TimeWindow

Errors = Iterator[UserError]
Domains = frozenset[str] | None
"""the domains, in lower case, to whose addresses reports may be sent; None: any"""

_LONGEST_EMAIL = 128
_LONGEST_NAME = 256
_LONGEST_KEY = 255
_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"\\]+@(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", re.ASCII
)
_EXTENSION = re.compile(r"\d{1,64}", re.ASCII)
_RANGE = re.compile(r"(\d{1,64})-(\d{1,64})", re.ASCII)
_NUMBER = re.compile(r"\+?\d{1,64}", re.ASCII)
_QUEUE = re.compile(r"\d{3,64}", re.ASCII)
_LONGEST_GROUP = 64

_FITTING: dict[str, tuple[CallReportType, ...]] = {
    "normal": (CallReportType.NORMAL,),
    "extension_group_call_cost": (CallReportType.EXTENSION_GROUP_CALL_COST,),
    "queue": (
        CallReportType.QUEUE_PERFORMANCE,
        CallReportType.QUEUE_DETAILED_STATISTICS,
        CallReportType.QUEUE_ABANDONED_CALLS,
        CallReportType.QUEUE_SLA_STATISTICS,
        CallReportType.QUEUE_BREACHES_SLA_STATISTICS,
        CallReportType.QUEUE_CALLBACKS,
        CallReportType.TEAM_QUEUE_GENERAL_STATISTICS,
    ),
    "queue_failed_callbacks": (CallReportType.QUEUE_FAILED_CALLBACKS,),
    "ring_group": (CallReportType.RING_GROUP_STATISTICS,),
}
"""which member of the filter is for which types"""

_SPELT = {
    "normal": "normal",
    "extension_group_call_cost": "extensionGroupCallCost",
    "queue": "queue",
    "queue_failed_callbacks": "queueFailedCallbacks",
    "ring_group": "ringGroup",
}


def wrong(field: str | None, code: UserErrorCode, message: str) -> UserError:
    return UserError(field=field, message=message, code=code)


# ---------------------------------------------------------------- whole inputs


def of_create(given: CreateCallReportInput, domains: Domains) -> list[UserError]:
    """All that is wrong with a new report, as far as its source need not be known"""
    ours = given.engine is ReportEngine.GATEWAY
    errors = [*_name(given.name), *_type(given.type)]
    if given.email is not None or not ours:
        errors += email("email", given.email or "", domains)
    errors += [*_format(given.format), *_range(given.range), *_cron(given.cron_expression)]
    errors += [*_filter(given.filter, ours=ours), *_fits(given.filter, given.type)]
    if not ours:
        errors += _not_ours(given)
    key = given.idempotency_key
    if key is not None:
        errors += _text("idempotencyKey", key, _LONGEST_KEY)
    return errors


def of_update(
    given: UpdateCallReportInput, domains: Domains, *, ours: bool = False
) -> list[UserError]:
    """All that is wrong with the changes of a report, as far as its type need not be known"""
    errors: list[UserError] = []
    if all(value is None for name, value in vars(given).items() if name != "id"):
        errors.append(wrong(None, UserErrorCode.NOTHING_TO_CHANGE, "give at least one change"))
    if given.name is not None:
        errors += _name(given.name)
    if given.email is not None:
        errors += email("email", given.email, domains)
    if given.format is not None:
        errors += _format(given.format)
    if given.range is not None:
        errors += _range(given.range)
    if given.cron_expression:
        errors += _cron(given.cron_expression)
    if given.filter is not None:
        errors += _filter(given.filter, ours=ours)
    if not ours:
        errors += _not_ours(given)
    return errors


_OURS = {"sources": "sources", "time_zone": "timeZone", "deliver": "deliver",
         "rerun_incomplete": "rerunIncomplete"}  # fmt: skip
"""what only reports of this server have"""


def _not_ours(given: CreateCallReportInput | UpdateCallReportInput) -> Errors:
    for name, spelt in _OURS.items():
        if getattr(given, name) is not None:
            yield wrong(spelt, UserErrorCode.VALUE_NOT_ALLOWED, "only with the engine GATEWAY")
    queue = given.filter.queue if given.filter is not None else None
    if queue and queue.answer_within_seconds is not None:
        yield wrong(
            "filter.queue.answerWithinSeconds",
            UserErrorCode.VALUE_NOT_ALLOWED,
            "only with the engine GATEWAY",
        )


def of_filter_change(filter: CallReportFilterInput, type: CallReportType) -> list[UserError]:
    """What is wrong with a new filter for a report of this type"""
    return list(_fits(filter, type))


def draft_of(given: CreateCallReportInput | UpdateCallReportInput) -> ReportDraft:
    """The input as it is to be written; only for one that nothing is wrong with"""
    return ReportDraft(
        name=given.name,
        type=given.type if isinstance(given, CreateCallReportInput) else None,
        email=given.email,
        format=given.format,
        range=None if given.range is None else _range_of(given.range),
        cron_expression=given.cron_expression,
        filter=None if given.filter is None else _filter_of(given.filter),
    )


# ---------------------------------------------------------------- rules


def _text(field: str, given: str, longest: int) -> Errors:
    if not given.strip():
        yield wrong(field, UserErrorCode.BLANK, f"`{field}` must not be empty")
    elif len(given) > longest:
        yield wrong(field, UserErrorCode.TOO_LONG, f"`{field}` has more than {longest} characters")


def _name(given: str) -> Errors:
    return _text("name", given, _LONGEST_NAME)


def _type(given: CallReportType) -> Errors:
    if given is CallReportType.UNKNOWN:
        yield _unknown("type")


def _format(given: CallReportFormat) -> Errors:
    if given is CallReportFormat.UNKNOWN:
        yield _unknown("format")


def _unknown(field: str) -> UserError:
    return wrong(field, UserErrorCode.UNKNOWN_VALUE, "UNKNOWN is only told, never asked for")


def email(field: str, given: str, domains: Domains) -> Errors:
    if not given.strip():
        yield wrong(field, UserErrorCode.BLANK, f"`{field}` must not be empty")
        return
    if len(given) > _LONGEST_EMAIL:
        yield wrong(
            field, UserErrorCode.TOO_LONG, f"`{field}` has more than {_LONGEST_EMAIL} characters"
        )
    if _EMAIL.fullmatch(given) is None:
        yield wrong(field, UserErrorCode.INVALID_EMAIL, "this does not look like name@example.com")
    elif domains is not None and given.rpartition("@")[2].lower() not in domains:
        yield wrong(
            field,
            UserErrorCode.EMAIL_NOT_ALLOWED,
            "reports are not sent to addresses of this domain",
        )


def _cron(given: str | None) -> Errors:
    if given is None:
        return
    reason = fault(given)
    if reason is not None:
        yield wrong("cronExpression", UserErrorCode.INVALID_CRON, reason)


def _range(given: CallReportRangeInput) -> Errors:
    if given.preset:
        if given.preset is CallReportPreset.CUSTOM:
            yield wrong(
                "range.preset",
                UserErrorCode.WINDOW_REQUIRED,
                "a span of its own is asked for with `window: {since, until}`",
            )
        elif given.preset is CallReportPreset.UNKNOWN:
            yield _unknown("range.preset")
    if given.window and given.window.since >= given.window.until:
        yield wrong(
            "range.window", UserErrorCode.INVALID_WINDOW, "`since` must be earlier than `until`"
        )


def member(filter: CallReportFilterInput) -> tuple[str, object]:
    """Which of the filter's members was given, and its value"""
    for name in _FITTING:
        value = getattr(filter, name)
        if value:  # neither null nor left out
            return name, value
    raise AssertionError("a oneOf input has one member")


def _fits(filter: CallReportFilterInput, type: CallReportType) -> Errors:
    name, _ = member(filter)
    if type is CallReportType.UNKNOWN or type in _FITTING[name]:
        return
    right = next(_SPELT[other] for other, types in _FITTING.items() if type in types)
    yield wrong(
        f"filter.{_SPELT[name]}",
        UserErrorCode.FILTER_MISMATCH,
        f"a report of type {type.name} takes the filter `{right}`",
    )


def _filter(filter: CallReportFilterInput, *, ours: bool) -> Errors:
    if filter.normal:
        yield from _normal(filter.normal)
    if filter.extension_group_call_cost:
        where = "filter.extensionGroupCallCost.groups"
        for place, group in enumerate(filter.extension_group_call_cost.groups):
            yield from _text(f"{where}[{place}]", group, _LONGEST_GROUP)
    if filter.queue:
        if ours:
            for place, queue in enumerate(filter.queue.queues):
                yield from _text(f"filter.queue.queues[{place}]", queue, _LONGEST_GROUP)
        else:
            yield from _numbers("filter.queue.queues", filter.queue.queues, _QUEUE)
        yield from _at_least_zero(
            "filter.queue.answerWithinSeconds", filter.queue.answer_within_seconds
        )
        yield from _at_least_zero(
            "filter.queue.excludeDroppedBeforeSeconds",
            filter.queue.exclude_dropped_before_seconds,
        )
    if filter.queue_failed_callbacks:
        where = "filter.queueFailedCallbacks.queues"
        yield from _numbers(where, filter.queue_failed_callbacks.queues, _QUEUE)
    if filter.ring_group:
        where = "filter.ringGroup.ringGroups"
        yield from _numbers(where, filter.ring_group.ring_groups, _EXTENSION)


def _numbers(where: str, given: list[str], pattern: re.Pattern[str]) -> Errors:
    fewest = 3 if pattern is _QUEUE else 1
    for place, number in enumerate(given):
        if pattern.fullmatch(number) is None:
            yield wrong(
                f"{where}[{place}]",
                UserErrorCode.INVALID_NUMBER,
                f"a number here has {fewest} to 64 digits and nothing else",
            )


def _at_least_zero(where: str, given: int | None) -> Errors:
    if given is not None and given < 0:
        yield wrong(where, UserErrorCode.OUT_OF_RANGE, "seconds are 0 or more")


def _normal(given: NormalReportFilterInput) -> Errors:
    yield from _party("filter.normal.caller.value", given.caller)
    yield from _party("filter.normal.callee.value", given.callee)
    yield from _duration("filter.normal.duration", given.duration)


def _party(where: str, given: ReportPartyInput) -> Errors:
    value = (given.value or "").strip()
    if not takes_value(given.kind):
        if value:
            yield wrong(where, UserErrorCode.VALUE_NOT_ALLOWED, f"{given.kind.name} takes no value")
        return
    if not value:
        yield wrong(where, UserErrorCode.VALUE_REQUIRED, f"{given.kind.name} needs a value")
    elif given.kind is ReportPartyKind.EXTENSION_OR_EXTENSION_RANGE:
        if not is_extensions(value):
            yield wrong(
                where,
                UserErrorCode.INVALID_EXTENSION_RANGE,
                "write one extension, `101`, or a range from the lower to the higher, `101-110`",
            )
    elif _NUMBER.fullmatch(value) is None:
        yield wrong(
            where, UserErrorCode.INVALID_NUMBER, "a number has up to 64 digits, maybe after a `+`"
        )


def is_extensions(value: str) -> bool:
    span = _RANGE.fullmatch(value)
    if span is None:
        return _EXTENSION.fullmatch(value) is not None
    return int(span[1]) <= int(span[2])


def _duration(where: str, given: ReportDurationInput) -> Errors:
    least, most = given.min_seconds, given.max_seconds
    if given.kind is ReportDurationKind.ANY:
        for name, bound in (("minSeconds", least), ("maxSeconds", most)):
            if bound is not None:
                yield wrong(
                    f"{where}.{name}", UserErrorCode.VALUE_NOT_ALLOWED, "ANY takes no bounds"
                )
        return
    if least is None and most is None:
        yield wrong(
            f"{where}.minSeconds",
            UserErrorCode.VALUE_REQUIRED,
            f"{given.kind.name} needs `minSeconds`, `maxSeconds` or both",
        )
    yield from _at_least_zero(f"{where}.minSeconds", least)
    yield from _at_least_zero(f"{where}.maxSeconds", most)
    if least is not None and most is not None and 0 <= most < least:
        yield wrong(
            f"{where}.maxSeconds",
            UserErrorCode.OUT_OF_RANGE,
            "`maxSeconds` must not be less than `minSeconds`",
        )


# ---------------------------------------------------------------- drafts


def _range_of(given: CallReportRangeInput) -> CallReportRange:
    if given.window:
        return CallReportRange(
            preset=CallReportPreset.CUSTOM,
            native_preset=None,
            window=TimeWindow(since=given.window.since, until=given.window.until),
        )
    assert given.preset
    return CallReportRange(preset=given.preset, native_preset=None, window=None)


def _party_of(given: ReportPartyInput) -> ReportParty:
    value = given.value.strip() if given.value is not None else None
    return ReportParty(kind=given.kind, value=value or None)


def _filter_of(given: CallReportFilterInput) -> ReportFilter:
    if given.normal:
        length = given.normal.duration
        return NormalReportFilter(
            caller=_party_of(given.normal.caller),
            callee=_party_of(given.normal.callee),
            answer_state=given.normal.answer_state,
            duration=ReportDuration(
                kind=length.kind, min_seconds=length.min_seconds, max_seconds=length.max_seconds
            ),
        )
    if given.extension_group_call_cost:
        cost = given.extension_group_call_cost
        return ExtensionGroupCallCostReportFilter(call_kind=cost.call_kind, groups=cost.groups)
    if given.queue:
        return QueueReportFilter(
            queues=given.queue.queues,
            answer_within_seconds=given.queue.answer_within_seconds,
            exclude_dropped_before_seconds=given.queue.exclude_dropped_before_seconds,
        )
    if given.queue_failed_callbacks:
        return QueueFailedCallbacksReportFilter(queues=given.queue_failed_callbacks.queues)
    assert given.ring_group
    return RingGroupReportFilter(ring_groups=given.ring_group.ring_groups)
