# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-ins of the CI services share: jobs that are shell scripts, and HTTP with JSON. Standard library only.

A stand-in is no CI system. It keeps jobs in memory, gives each to one runner, and takes what became of it. Each example's
stand-in/ adds the calls of the real service that its fleet needs. `/stand-in/...` is what no real service has:
`POST /stand-in/jobs` queues `{"name": ..., "script": ...}`, `GET /stand-in/jobs` shows all, `GET /stand-in/health` answers.
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POLL_SECONDS = 0.1
Answer = tuple[int, Any]
Route = tuple[str, str, Callable[..., Answer]]


class Service:
    """Jobs in the order in which they came, and the routes that every stand-in has."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: list[dict[str, Any]] = []

    def routes(self) -> list[Route]:
        """Return method, pattern of the path, and who answers with (status, JSON)."""
        return [
            ("GET", r"/stand-in/health", lambda _body: (200, {"jobs": len(self.jobs)})),
            ("GET", r"/stand-in/jobs", lambda _body: (200, {"jobs": self.jobs})),
            ("POST", r"/stand-in/jobs", self.queue),
        ]

    def queue(self, body: dict[str, Any]) -> Answer:
        """Take a job."""
        with self.lock:
            job = {"id": len(self.jobs) + 1, "state": "pending", "runner": "", "output": "", **body}
            self.jobs.append(job)
        return 201, job

    def assign(self, runner: str) -> dict[str, Any] | None:
        """Give the oldest job that waits to a runner; call it with the lock held."""
        for job in self.jobs:
            if job["state"] == "pending":
                job.update(state="running", runner=runner)
                return job
        return None

    def busy(self, runner: str) -> bool:
        """Whether a runner has a job."""
        return any(job["runner"] == runner and job["state"] == "running" for job in self.jobs)

    def finish(self, number: int, state: str, output: str = "") -> None:
        """Write down what became of a job."""
        self.jobs[number - 1].update(state=state, output=self.jobs[number - 1]["output"] + output)

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """Find who answers; groups of the pattern are arguments."""
        for known, pattern, answers in self.routes():
            if known == method and (found := re.fullmatch(pattern, path)):
                return answers(body, *found.groups())
        return 404, {"message": "Not Found"}


def serve(service: Service) -> None:
    """Answer HTTP on the port that was given to this worker."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            try:
                body = json.loads(text) if text else {}
            except ValueError:
                body = text
            status, said = service.answer(self.command, self.path.partition("?")[0], body)
            data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(0 if status == 204 else len(data)))
            self.end_headers()
            if status != 204:
                self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    port = int(os.environ["HODEI_PORT_HTTP"])
    ThreadingHTTPServer.request_queue_size = 128
    print(f"the stand-in listens on port {port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def call(method: str, url: str, body: Any = None) -> Answer:
    """Send JSON, return status and JSON. Raises OSError when nobody answers; HTTP errors are answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        error.read()
        return error.code, None
