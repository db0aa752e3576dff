# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other systems get: JSON lines that give the record back, and messages that the grammar of RFC 5424 accepts."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import chain
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.export import (
    ANCHOR_ID,
    RECORD_ID,
    anchor_line,
    json_line,
    syslog_line,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, AuditHead, Entry, Result

# The ABNF of RFC 5424, section 6, as far as a message may be made by us: VERSION is 1, TIMESTAMP is UTC.
PRINTABLE = r"[!-~]"
SD_NAME = r"[!#-<>-\\^-~]{1,32}"
PARAM_VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
SD_ELEMENT = rf'\[(?P<id>{SD_NAME})(?P<parameters>(?: {SD_NAME}="{PARAM_VALUE}")*)\]'
TIMESTAMP = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{1,6}Z"
MESSAGE = re.compile(
    rf"<(?P<pri>\d|[1-9]\d|1[0-8]\d|19[01])>1 (?P<time>{TIMESTAMP}) (?P<host>{PRINTABLE}{{1,255}}) (?P<app>{PRINTABLE}{{1,48}}) "
    rf"(?P<proc>{PRINTABLE}{{1,128}}) (?P<kind>{PRINTABLE}{{1,32}}) {SD_ELEMENT}(?P<text> .*)?"
)
texts = st.text(max_size=40) | st.text(alphabet='"\\]=[ \n\x00é\ud800', max_size=10)


def record(entry: Entry, writer: str = "ci/host/1000") -> chain.Record:
    return chain.Record(writer, 7, "0" * 64, "ab" * 8, "2026-11-22T02:10:24.000001Z", entry)


def unescaped(parameters: str) -> dict[str, str]:
    found = re.findall(rf' ({SD_NAME})="({PARAM_VALUE})"', parameters)
    return {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in found}


@given(texts, texts, texts, texts, st.sampled_from(Action), st.sampled_from(Result))
@settings(deadline=None, max_examples=150)
def test_messages_keep_to_the_grammar(
    secret: str, why: str, task: str, host: str, what: Action, result: Result
) -> None:
    entry = Entry(what, result, "uid:1000", secret=secret, why=why, task=task, version=3)
    found = MESSAGE.fullmatch(syslog_line(record(entry), host))
    assert found
    assert found["id"] == RECORD_ID
    assert 13 * 8 <= int(found["pri"]) <= 13 * 8 + 7
    assert found["kind"] == what.value
    fields = unescaped(found["parameters"])
    shown = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", "?", why)
    assert fields.get("why", "") == shown
    assert (fields["who"], fields["version"], fields["verified"]) == ("uid:1000", "3", "true")
    assert "\n" not in found[0]
    found[0].encode()


def test_a_denial_is_a_warning_and_a_read_is_none() -> None:
    for result, severity in ((Result.DENIED, 4), (Result.FAILED, 4), (Result.DONE, 6)):
        line = syslog_line(record(Entry(Action.READ, result, "claimed:eve", secret="a")), "h")
        assert line.startswith(f"<{13 * 8 + severity}>1 ")
        assert f"read {result.value}: claimed:eve a" in line


def test_an_anchor_is_a_message_with_its_head() -> None:
    head = AuditHead("ci/host/1000", 7, "ab" * 32)
    found = MESSAGE.fullmatch(anchor_line(head, "2026-11-22T02:10:24.000001Z", "host1"))
    assert found
    assert found["id"] == ANCHOR_ID
    assert unescaped(found["parameters"]) == {"writer": head.writer, "seq": "7", "hash": head.hash}
    assert f"{head.seq}:{head.hash}" in found["text"]


@given(texts, texts)
@settings(deadline=None, max_examples=50)
def test_json_lines_give_all_of_it_back(secret: str, why: str) -> None:
    line = json_line(record(Entry(Action.USE, Result.DONE, "uid:0", secret=secret, why=why)))
    assert "\n" not in line
    found = json.loads(line)
    assert (found.get("secret", ""), found.get("why", ""), found["seq"], found["verified"]) == (secret, why, 7, True)
