"""The vendor's refusals: HTTP 200 with an error code."""

from __future__ import annotations

from typing import Any

_MESSAGES = {
    -2: "INTERNAL SERVER ERROR",
    -1: "FAILURE",
    1: "PARTIAL SUCCESS",
    2: "PROCESSING",
    10001: "INTERFACE NOT EXISTED",
    10002: "API VERSION OUT OF MAINTENANCE",
    10003: "API VERSION UNSUPPORTED",
    10004: "TOKEN EXPIRED",
    10005: "ACCESS DENIED",
    10009: "OPERATION FAILED",
    40001: "PARAMETER SYNTAX ERROR",
    40002: "PARAMETER ERROR",
    40003: "DUPLICATE KEY VALUE",
    40004: "FILE SIZE EXCEEDED",
    60001: "DATA NOT FOUND",
    60002: "MAX LIMITATION EXCEEDED",
    60101: "ROLE NOT EXISTED",
    70004: "ACCOUNT IP BLOCKED",
    70082: "OVERLOAD_TASK_RUNNING",
    70084: "ACTION FORBIDDEN",
    70087: "IP FORBIDDEN",
    70091: "CONNECTION_RELATION_EXISTED",
    70093: "PHONEBOOK_NOT_EXISTED",
    70106: "RATE_NOT_EXISTED",
    70120: "ORGANIZATION DISABLED",
    70123: "API UNAVAILABLE",
    70128: "CONTACTS_NOT_EXISTED",
    70130: "CAHNNEL ID NOT FOUND",
    70132: "OPERATION NOT SUPPORTED",
    70510: "MAX PARTICIPANTS EXCEEDED",
    70514: "TRUNK NOT AVAILABLE",
    70515: "TRUNK NOT EXISTED",
}


class Refusal(Exception):
    """The PBX says no. `value` is the parameter's value at fault, `rule` the rule it broke."""

    def __init__(self, code: int, value: str | None = None, rule: str = "") -> None:
        super().__init__(code)
        self.body: dict[str, Any] = {"errcode": code, "errmsg": _MESSAGES.get(code, "FAILURE")}
        if value is not None:
            self.body["invalid_param_list"] = [{"value": value, "validation_type": rule}]


INTERNAL = -2
NO_INTERFACE = 10001
NO_VERSION = 10003
TOKEN_EXPIRED = 10004
SYNTAX = 40001
PARAMETER = 40002
NOT_FOUND = 60001
LIMIT = 60002
ADDRESS_BLOCKED = 70004
ADDRESS_FORBIDDEN = 70087
API_OFF = 70123
