# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real syslog server (rsyslog, RELP) takes our messages, acknowledges them, and reads in them what we wrote."""

from __future__ import annotations

import json

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import chain, relp
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.anchors import SyslogAnchor
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.export import syslog_line
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, AuditHead, Entry, Result
from ansible_collections.hodei.workers.tests.support.audit_chains import NOW, WRITER
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.syslog import Syslog
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

WHY = 'she said "now" \\ [really] ünïcode'
TIME = "2026-11-22T02:10:24.000001Z"


def received(server: Syslog, count: int) -> list[list[str]]:
    """Return what the server has read, once so many messages are there."""

    def lines() -> list[str]:
        found = server.out.read_text().splitlines() if server.out.exists() else []
        return found if len(found) >= count else []

    return [line.split("\t") for line in wait_for(lines, f"{count} messages")]


def test_records_and_an_anchor(testbed: Testbed) -> None:
    server: Syslog = testbed.need("rsyslog")
    entries = [
        Entry(Action.READ, Result.DENIED, "claimed:eve", secret=f"@acme/{number}", why=WHY, version=number)
        for number in range(120)
    ]
    records = [chain.Record(WRITER, number, "0" * 64, "k", TIME, one) for number, one in enumerate(entries)]
    relp.send(("127.0.0.1", server.port), [syslog_line(one, "host1").encode() for one in records], 30)
    head = AuditHead(WRITER, 119, "ab" * 32)
    SyslogAnchor("127.0.0.1", server.port, "host1", lambda: NOW).put(head)
    found = received(server, 121)
    assert len(found) == 121
    for number, (text, priority, program, kind, time) in enumerate(found[:120]):
        data = json.loads(text)["rfc5424-sd"]["hodei@32473"]
        assert (data["secret"], data["why"], data["who"]) == (f"@acme/{number}", WHY, "claimed:eve")
        assert (priority, program, kind, time) == ("audit.warning", "hodei-workers", "read", TIME)
    anchored = json.loads(found[120][0])["rfc5424-sd"]["hodei-anchor@32473"]
    assert anchored == {"writer": WRITER, "seq": "119", "hash": head.hash}
