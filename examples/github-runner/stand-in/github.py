# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for GitHub: the calls of its REST API that runner.sh makes, in their real form; jobs are handed out by calls of our own.

Real: registration tokens, runners with `busy`, and that a runner which has a job cannot be deleted (422). Not real: how
Runner.Listener gets its jobs (`/stand-in/message`, `/stand-in/done`), and who may call (any token does).
"""

from __future__ import annotations

from typing import Any

from stand_in import Answer, Route, Service, serve

RUNNERS = r"/orgs/[\w-]+/actions/runners"


class GitHub(Service):
    """Runners by number."""

    def __init__(self) -> None:
        super().__init__()
        self.runners: dict[int, str] = {}
        self.registered = 0

    def routes(self) -> list[Route]:
        return [
            *super().routes(),
            ("POST", rf"{RUNNERS}/registration-token", lambda _body: (201, {"token": "AABF3JGZDX3P5PMEXLND6TS6FCWO6"})),
            ("GET", RUNNERS, lambda _body: (200, {"runners": [self.runner(number) for number in self.runners]})),
            ("GET", rf"{RUNNERS}/(\d+)", self.look),
            ("DELETE", rf"{RUNNERS}/(\d+)", self.delete),
            ("POST", r"/stand-in/register", self.register),
            ("GET", r"/stand-in/message/(\d+)", self.message),
            ("POST", r"/stand-in/done/(\d+)", self.done),
        ]

    def runner(self, number: int) -> dict[str, Any]:
        """Show a runner as GitHub does."""
        name = self.runners[number]
        return {"id": number, "name": name, "os": "linux", "status": "online", "busy": self.busy(name)}

    def look(self, _body: Any, number: str) -> Answer:
        """Show one runner."""
        with self.lock:
            return (200, self.runner(int(number))) if int(number) in self.runners else (404, {"message": "Not Found"})

    def delete(self, _body: Any, number: str) -> Answer:
        """Delete a runner that has no job."""
        with self.lock:
            if int(number) not in self.runners:
                return 404, {"message": "Not Found"}
            if self.busy(self.runners[int(number)]):
                return 422, {"message": f"Runner {number} is currently running a job and cannot be deleted."}
            del self.runners[int(number)]
            return 204, None

    def register(self, body: Any) -> Answer:
        """Take a runner; one of the same name is replaced, as `config.sh --replace` asks."""
        with self.lock:
            self.runners = {number: name for number, name in self.runners.items() if name != body["name"]}
            self.registered += 1
            self.runners[self.registered] = body["name"]
            return 201, {"agentId": self.registered, "agentName": body["name"]}

    def message(self, _body: Any, number: str) -> Answer:
        """Give a job, or none; a runner that was deleted has no session any more."""
        with self.lock:
            if int(number) not in self.runners:
                return 401, {"message": "the session is gone"}
            job = self.assign(self.runners[int(number)])
            return (200, job) if job else (204, None)

    def done(self, body: Any, number: str) -> Answer:
        """Take a result; an ephemeral runner is deregistered with it."""
        with self.lock:
            self.finish(body["id"], body["state"], body["output"])
            self.runners.pop(int(number), None)
            return 200, {}


if __name__ == "__main__":
    serve(GitHub())
