# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for GitLab: the calls between a runner and GitLab, in their real form but with few of their fields.

Real: verify, request a job, append to its trace, tell its state; tokens are checked. Not real: everything else of a job (git,
variables, artifacts, timeouts), and who runs it: `POST /stand-in/jobs` queues it. The runner of a job is its `info.name`.
"""

from __future__ import annotations

import os
from typing import Any

from stand_in import Answer, Route, Service, serve


class GitLab(Service):
    """Knows one token, as the runners of one configuration share one."""

    def __init__(self) -> None:
        super().__init__()
        self.token = os.environ["RUNNER_TOKEN"]

    def routes(self) -> list[Route]:
        return [
            *super().routes(),
            ("POST", r"/api/v4/runners/verify", self.verify),
            ("POST", r"/api/v4/jobs/request", self.request),
            ("PATCH", r"/api/v4/jobs/(\d+)/trace", self.trace),
            ("PUT", r"/api/v4/jobs/(\d+)", self.update),
        ]

    def verify(self, body: Any) -> Answer:
        """Say whether the token is a runner's."""
        return (
            (200, {"id": 1, "token": self.token})
            if body.get("token") == self.token
            else (403, {"message": "403 Forbidden"})
        )

    def request(self, body: Any) -> Answer:
        """Give a job, or none."""
        if body.get("token") != self.token:
            return 403, {"message": "403 Forbidden"}
        with self.lock:
            job = self.assign(body["info"]["name"])
        if job is None:
            return 204, None
        steps = [{"name": "script", "script": [job["script"]], "timeout": 3600, "when": "on_success"}]
        return 201, {"id": job["id"], "token": f"job-{job['id']}", "job_info": {"name": job["name"]}, "steps": steps}

    def trace(self, body: Any, number: str) -> Answer:
        """Append to the log of a job."""
        self.jobs[int(number) - 1]["output"] += str(body)
        return 202, {}

    def update(self, body: Any, number: str) -> Answer:
        """Take what became of a job."""
        if body.get("token") != f"job-{number}":
            return 403, {"message": "403 Forbidden"}
        self.finish(int(number), body["state"])
        return 200, {}


if __name__ == "__main__":
    serve(GitLab())
