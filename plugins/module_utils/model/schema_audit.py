# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of `audit`: what happens when something cannot be recorded, how long records are kept, and who remembers how far they got."""

from __future__ import annotations

from .schema import choice, exactly_one, formatted, group, listed, quantity

ANCHOR = group(
    {
        "directory": formatted(
            "absolute_path",
            "A directory that this user can write and whoever tampers cannot: on another machine's disk.",
        ),
        "store": formatted("name", "A configured store: the secret `hodei-audit/WRITER`, one version for each head."),
        "syslog": formatted("endpoint", "A syslog server that takes RELP and answers: `HOST:PORT`."),
    },
    "A place that remembers; exactly one of these.",
    oneOf=exactly_one("directory", "store", "syslog"),
)

AUDIT = group(
    {
        "on_failure": choice(
            ["deny", "warn"],
            "What happens when something cannot be recorded or anchored: `deny`: the task fails, and what is not recorded is not done; "
            "`warn`: it is done, with a warning.",
            "deny",
        ),
        "keep": quantity("positive_duration", "How long records are kept, by whole segments. Left out: for ever."),
        "max_size": quantity("size", "The size at which a segment of the chain ends.", "16Mi"),
        "max_age": quantity("positive_duration", "The age at which a segment of the chain ends.", "30d"),
        "anchors": listed(
            ANCHOR,
            "Who is told, at the end of each run that recorded anything, how far the chain has got; besides the state.",
        ),
    },
    "The audit chain of secrets.",
    default={},
)
