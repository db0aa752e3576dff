#!/usr/bin/env python3
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CI system in one file, for the examples: `ci.py queue` keeps jobs, `ci.py runner` fetches and runs them.

Both answer /healthz on the port that they find in HODEI_PORT_HTTP; in a container BIND is 0.0.0.0. Who sends or fetches jobs
shows the token that both have in a file. Standard library only.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

IDLE_SECONDS = 0.1
GUARDED = ("/jobs", "/next")


class Service:
    """What both have in common: health, and counters to look at."""

    def __init__(self) -> None:
        self.started = time.time()
        self.lock = threading.Lock()

    def health(self) -> dict[str, Any]:
        """Return what /healthz says."""
        return {
            "worker": os.environ.get("WORKER_ID", ""),
            "pid": os.getpid(),
            "up": round(time.time() - self.started, 1),
        }

    def get(self, path: str) -> Any:
        """Answer a GET; None means not found."""
        return self.health() if path == "/healthz" else None

    def post(self, path: str, body: Any) -> Any:
        """Answer a POST; None means not found."""
        return None


class Queue(Service):
    """Jobs that wait, and results of those that are done."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[dict[str, Any]] = deque()
        self.results: list[dict[str, Any]] = []

    def get(self, path: str) -> Any:
        if path == "/next":
            with self.lock:
                return {"job": self.waiting.popleft() if self.waiting else None}
        if path == "/results":
            return {"waiting": len(self.waiting), "results": self.results}
        return super().get(path)

    def post(self, path: str, body: Any) -> Any:
        if path == "/jobs":
            with self.lock:
                self.waiting.extend(body["jobs"])
            return {"waiting": len(self.waiting)}
        if path == "/results":
            self.results.append(body)
            return {}
        return None


class Runner(Service):
    """Runs one job after another, until it is told to finish."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue
        self.done = 0
        self.busy = self.finishing = False
        self.job = ""
        threading.Thread(target=self.work, daemon=True).start()

    def health(self) -> dict[str, Any]:
        return {**super().health(), "done": self.done, "job": self.job}

    def get(self, path: str) -> Any:
        if path == "/busy":
            return {} if self.busy else None
        return super().get(path)

    def post(self, path: str, body: Any) -> Any:
        if path == "/finish":
            with self.lock:
                self.finishing = True
            return {}
        return None

    def work(self) -> None:
        """Fetch and run jobs until told to finish; a queue that is away for a while is no reason to fail."""
        while True:
            with self.lock:
                self.busy = not self.finishing
            try:
                job = call(f"{self.queue}/next")["job"] if self.busy else None
                if job is None:
                    self.busy = False
                    time.sleep(IDLE_SECONDS)
                    continue
                self.job = job["name"]
                ended = subprocess.run(job["command"], capture_output=True, text=True, check=False)
                self.done += 1
                self.job = ""
                print(f"job {job['name']}: exit code {ended.returncode}", flush=True)
                result = {"job": job["name"], "runner": os.environ.get("WORKER_ID", ""), "exit_code": ended.returncode}
                call(f"{self.queue}/results", {**result, "output": ended.stdout.strip()})
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(IDLE_SECONDS)


def call(url: str, body: Any = None) -> Any:
    """Send JSON, return JSON."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Authorization": token()}), timeout=5) as answer:
        return json.load(answer)


def token() -> str:
    """Return what proves that somebody may send and fetch jobs; read each time, because it changes while we run."""
    return f"Bearer {Path(os.environ['HODEI_SECRETS_DIR'], 'queue.token').read_text().strip()}"


def serve(service: Service) -> None:
    """Answer HTTP on the port that was given to this worker."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.may():
                self.reply(service.get(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
            if self.may():
                self.reply(service.post(self.path, body))

        def may(self) -> bool:
            shown = self.headers.get("Authorization", "")
            allowed = self.path not in GUARDED or hmac.compare_digest(shown.encode(), token().encode())
            if not allowed:
                self.reply({}, 401)
            return allowed

        def reply(self, answer: Any, status: int = 200) -> None:
            body = json.dumps(answer).encode()
            self.send_response(404 if answer is None else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    port = int(os.environ["HODEI_PORT_HTTP"])
    print(f"{os.environ.get('WORKER_ID', 'worker')} listens on port {port}", flush=True)
    ThreadingHTTPServer((os.environ.get("BIND", "127.0.0.1"), port), Handler).serve_forever()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_unused: sys.exit(0))  # the first process of a container has to say so itself
    serve(Queue() if sys.argv[1] == "queue" else Runner(os.environ["QUEUE_URL"]))
