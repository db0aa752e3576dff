# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit records for other systems: JSON lines, and RFC 5424 (syslog) with structured data. Pure.

The names of our structured data end in ``@32473``, the enterprise number that IANA keeps for documentation (RFC 5612): we have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ...model.audit import AuditHead, Result
from .chain import Record, as_dict

#: The names of the structured data elements.
RECORD_ID, ANCHOR_ID = "hodei@32473", "hodei-anchor@32473"
_LOG_AUDIT = 13
_WARNING, _NOTICE, _INFO = 4, 5, 6
_SEVERITIES = {Result.DENIED: _WARNING, Result.FAILED: _WARNING, Result.BEGUN: _INFO, Result.DONE: _INFO}
_UNPRINTABLE = re.compile(r"[^!-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
NEVER = "-"  # what the RFC writes for a value that is not known


def json_line(record: Record) -> str:
    """Return a record as one line of JSON, without its end."""
    return json.dumps(as_dict(record), sort_keys=True)


def syslog_line(record: Record, host: str) -> str:
    """Return a record as a message of RFC 5424; ``host`` is the machine that sends it. Facility 13 (log audit)."""
    entry = record.entry
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in as_dict(record).items()}
    version = "" if entry.version is None else f" version {entry.version}"
    text = f"{entry.what.value} {entry.result.value}: {entry.who} {entry.secret}{version}".rstrip()
    element = _element(RECORD_ID, fields)
    return _message(_SEVERITIES[entry.result], record.time, host, entry.what.value, element, text)


def anchor_line(head: AuditHead, time: str, host: str) -> str:
    """Return a head as a message of RFC 5424."""
    element = _element(ANCHOR_ID, {"writer": head.writer, "seq": str(head.seq), "hash": head.hash})
    text = f"audit chain {head.writer} ends at {head.seq}:{head.hash}"
    return _message(_NOTICE, time, host, "anchor", element, text)


def _message(severity: int, time: str, host: str, kind: str, element: str, text: str) -> str:
    header = " ".join((_name(host, 255), "hodei-workers", NEVER, _name(kind, 32)))
    return f"<{_LOG_AUDIT * 8 + severity}>1 {time} {header} {element} {_CONTROL.sub('?', text)}"


def _element(name: str, fields: Mapping[str, str]) -> str:
    parameters = "".join(f' {key}="{_escaped(value)}"' for key, value in sorted(fields.items()))
    return f"[{name}{parameters}]"


def _escaped(value: str) -> str:
    r"""Escape what section 6.3.3 says (\ " ]). A control character, which is allowed and which few receivers survive, becomes ?."""
    return re.sub(r'([\\"\]])', r"\\\1", _CONTROL.sub("?", value))


def _name(text: str, most: int) -> str:
    """Return printable ASCII without spaces, as the fields of the header have to be."""
    return _UNPRINTABLE.sub("?", text)[:most] or NEVER
