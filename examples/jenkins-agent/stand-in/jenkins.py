# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a Jenkins controller: the HTTP calls that agent.sh makes, in their real form; no remoting.

Real: agent.jar and the secret of a node by HTTP, `idle` and `temporarilyOffline` of a node, and that a node which is temporarily
offline gets no build while its present one goes on. Not real: how a build reaches an agent (`/stand-in/build`, `/stand-in/done`),
and who may call. Nodes are not made by anyone: the first call about one makes it.
"""

from __future__ import annotations

from typing import Any

from stand_in import Answer, Route, Service, serve

NODE = r"/computer/([\w-]+)"
SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
JNLP = "<jnlp><application-desc><argument>{secret}</argument><argument>{name}</argument></application-desc></jnlp>"


class Jenkins(Service):
    """Nodes by name; those in `offline` are temporarily offline."""

    def __init__(self) -> None:
        super().__init__()
        self.offline: set[str] = set()

    def routes(self) -> list[Route]:
        return [
            *super().routes(),
            ("GET", r"/jnlpJars/agent\.jar", lambda _body: (200, "a stand-in needs no program here\n")),
            ("GET", rf"{NODE}/jenkins-agent\.jnlp", lambda _body, name: (200, JNLP.format(secret=SECRET, name=name))),
            ("GET", rf"{NODE}/api/json", self.look),
            ("POST", rf"{NODE}/changeOfflineCause", self.put_offline),
            ("POST", rf"{NODE}/toggleOffline", self.toggle),
            ("POST", r"/stand-in/build/([\w-]+)", self.build),
            ("POST", r"/stand-in/done", self.done),
        ]

    def look(self, _body: Any, name: str) -> Answer:
        """Show a node."""
        offline = name in self.offline
        return 200, {
            "displayName": name,
            "idle": not self.busy(name),
            "offline": offline,
            "temporarilyOffline": offline,
        }

    def put_offline(self, _body: Any, name: str) -> Answer:
        """Take a node offline, however often it is said."""
        with self.lock:
            self.offline.add(name)
        return 200, {}

    def toggle(self, _body: Any, name: str) -> Answer:
        """Take a node offline or back."""
        with self.lock:
            self.offline ^= {name}
        return 200, {}

    def build(self, body: Any, name: str) -> Answer:
        """Give a build to the agent of a node, or none."""
        if body.get("secret") != SECRET:
            return 403, {}
        with self.lock:
            job = None if name in self.offline else self.assign(name)
        return (200, job) if job else (204, None)

    def done(self, body: Any) -> Answer:
        """Take the result of a build."""
        self.finish(body["id"], body["state"], body["output"])
        return 200, {}


if __name__ == "__main__":
    serve(Jenkins())
