# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress line on a real terminal (a pseudo one), and nothing of it anywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

WIDTH = 60
SECONDS = 120
LINE = re.compile(r"\r(hodei\.workers: \d+/\d+ done[^\x1b\r\n]*)\x1b\[K")


class Terminal:
    """ansible-playbook on a pseudo terminal; ``text`` is everything that it sent."""

    def __init__(self, site: Site, *command: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
        self.text = ""
        self.process = subprocess.Popen(
            site.command(*command),
            cwd=site.place,
            env={**enabled(site), **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=lambda: os.login_tty(slave),  # Ctrl-C is a signal only on a controlling terminal
        )
        os.close(slave)

    def until(self, pattern: str) -> str:
        """Read until something was shown."""
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self.text):
            assert self._more(deadline), f"it ended before {pattern} was shown: {self.text}"
        return self.text

    def end(self) -> int:
        """Read to the end."""
        deadline = time.monotonic() + SECONDS
        while self._more(deadline):
            pass
        os.close(self.master)
        return self.process.wait(SECONDS)

    def _more(self, deadline: float) -> bool:
        ready, _unused, _unused = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came: {self.text}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


def enabled(site: Site) -> dict[str, str]:
    environment = {name: value for name, value in site.environment.items() if name != "CI"}
    return environment | {
        "ANSIBLE_CALLBACKS_ENABLED": "hodei.workers.progress",
        "HODEI_PROGRESS_DELAY": "0.2",
        "TERM": "xterm",
    }


def screen(text: str) -> list[str]:
    """What is left on the lines of a terminal, as far as carriage returns and erasing go."""
    lines = []
    for raw in text.split("\n"):
        shown, column = "", 0
        for part in re.split(r"(\r|\x1b\[K)", raw):
            if part == "\x1b[K":
                shown = shown[:column]
            elif part == "\r":
                column = 0
            else:
                shown = shown[:column] + part + shown[column + len(part) :]
                column += len(part)
        lines.append(shown)
    return lines


@pytest.fixture
def slow(site: Site) -> Site:
    """A fleet whose second worker waits for a file."""
    health: dict[str, Any] = {
        "command": ["test", "-e", str(site.place / "go")],
        "interval": "200ms",
        "start_period": "10m",
    }
    site.set(
        [
            {"name": "quick", "count": 2, "command": ["sleep", "infinity"]},
            {"name": "slow", "command": ["sleep", "infinity"], "restart": "never", "health": health},
        ]
    )
    site.play("init")
    return site


@pytest.mark.parametrize("options", [(), ("-vvv",)], ids=["plain", "verbose"])
def test_line_is_shown_and_gone_in_the_end(slow: Site, options: tuple[str, ...]) -> None:
    """It tells what is done and running, fits the terminal, and everything else is shown as if it were not there."""
    terminal = Terminal(slow, "converge", *options)
    terminal.until(r"2/3 done, 1 running")
    slow.write("go", "")
    assert terminal.end() == 0
    shown = LINE.findall(terminal.text)
    assert shown
    assert all(len(one) < WIDTH for one in shown), shown
    left = screen(terminal.text)
    assert not any("/3 done" in one for one in left), left
    assert any(one.startswith("changed: [localhost]") for one in left), left
    assert any(one.startswith("localhost") and "changed=1" in one for one in left), left
    again = Terminal(slow, "converge")
    assert again.end() == 0
    assert "/3 done" not in again.text, "a converge with nothing to do has nothing to show"


def test_workers_that_are_waited_for(site: Site) -> None:
    """It tells them apart from those whose turn has not come, and what the time that is left does not count."""
    busy = site.write("busy", "")
    drain = {"busy": {"command": ["test", "-e", str(busy)]}, "interval": "100ms"}
    site.set([{"name": "a", "count": 2, "command": ["sleep", "infinity"], "lifecycle": {"drain": drain}}])
    site.tasks(task("fleet_init"), task("fleet"))
    changed = {"name": "a", "count": 2, "command": ["sleep", "1d"], "lifecycle": {"drain": drain}}
    site.set([changed, {"name": "new", "command": ["sleep", "infinity"]}])
    terminal = Terminal(site, "converge")
    terminal.until(r"1/5 done, 2 waiting \(drain\).*\x1b")
    busy.unlink()
    assert terminal.end() == 0
    assert site.play("converge").changed == 0


def test_interrupted(slow: Site) -> None:
    """Ctrl-C leaves a clean line."""
    terminal = Terminal(slow, "converge")
    terminal.until(r"1 running")
    os.write(terminal.master, b"\x03")
    terminal.until("User interrupted")
    slow.write("go", "")  # the module goes on until what is in flight is done, and holds the terminal open
    terminal.end()
    assert not any("/3 done" in one for one in screen(terminal.text))


@pytest.mark.parametrize("why", ["CI", "dumb", "pipe", "quick"])
def test_silent(slow: Site, why: str) -> None:
    """In CI, on a terminal that cannot go back, where there is none, and for what is over soon."""
    if why == "pipe":
        slow.write("go", "")
        slow.environment = enabled(slow)
        assert "/3 done" not in slow.play("converge").output
        return
    environment = {"CI": {"CI": "true"}, "dumb": {"TERM": "dumb"}, "quick": {"HODEI_PROGRESS_DELAY": "3600"}}[why]
    terminal = Terminal(slow, "converge", **environment)
    terminal.until("Make the world what the document says")
    slow.until(slow_process(terminal, slow), lambda: "slow" in slow.pids(), "the worker")
    slow.write("go", "")
    assert terminal.end() == 0
    assert "/3 done" not in terminal.text
    assert "\x1b[K" not in terminal.text


def slow_process(terminal: Terminal, site: Site) -> Any:
    """Have a site know a process that it did not start itself."""
    site._records[terminal.process.pid] = site.place / "terminal"
    return terminal.process


def test_module_that_is_killed_leaves_no_line(slow: Site) -> None:
    """What the module told last is forgotten with its task."""
    terminal = Terminal(slow, "converge")
    terminal.until(r"1 running")
    os.kill(wait_for(lambda: slow.module(terminal.process), "the module"), signal.SIGKILL)
    assert terminal.end() == 2
    assert not any("/3 done" in one for one in screen(terminal.text))
