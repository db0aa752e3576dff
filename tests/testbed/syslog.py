# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsyslog with RELP on a port of its own: the one syslog server of the test bed."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ansible_collections.hodei.workers.tests.testbed.bed import Testbed, Unavailable, resource
from ansible_collections.hodei.workers.tests.testbed.find import program
from ansible_collections.hodei.workers.tests.testbed.resources import answers, free_port
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

#: What it has read of each message: its structured data as JSON, and parts of the header. Queues hold nothing back.
_CONFIGURATION = r"""
module(load="imrelp" ruleset="all")
module(load="mmpstrucdata")
main_queue(queue.type="Direct")
input(type="imrelp" port="{port}" maxDataSize="64k")
template(name="read" type="string" string="%$!all-json%\t%pri-text%\t%app-name%\t%msgid%\t%timereported:::date-rfc3339%\n")
ruleset(name="all") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{out}" template="read")
}}
"""


class Syslog(NamedTuple):
    """Where it listens, and the file that it writes a line to for each message."""

    port: int
    out: Path


@resource
def rsyslog(testbed: Testbed) -> Iterator[Syslog]:
    """A syslog server that acknowledges."""
    server = program("rsyslogd", apt="rsyslog-relp", cache=testbed.cache)
    with tempfile.TemporaryDirectory(prefix="hodei-rsyslog-") as folder:
        place, port = Path(folder), free_port()
        found = Syslog(port, place / "out")
        (place / "conf").write_text(_CONFIGURATION.format(port=port, out=found.out))
        command = [server, "-n", "-f", str(place / "conf"), "-i", str(place / "pid")]
        with open(place / "log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: process.poll() is not None or answers(port), "rsyslogd to listen")
            if process.poll() is not None:
                problem = (place / "log").read_text().strip()[-300:]
                raise Unavailable(f"rsyslogd does not start: {problem}", possible=True)
            yield found
        finally:
            process.terminate()
            process.wait(PATIENCE)
