# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner of the user's choice, which says whether an image may be used."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from ...model.errors import HodeiError, Kind
from ..references import expand_all

_LAST_LINES, _LAST_BYTES = 5, 2000


def scan(command: Sequence[str], timeout: float, image: str, number: str, environ: Mapping[str, str]) -> None:
    """Run a scanner on an image, whose id is ``number``. Raises HodeiError unless it ends with 0 in time."""
    known = {"HODEI_IMAGE": image, "HODEI_IMAGE_ID": number}
    words = expand_all(list(map(str, command)), known)
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                words,
                env={**environ, **known},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"image {image} cannot be scanned: {words[0]} does not start: {error.strerror}",
                hint="Correct `scan` in the provider: it runs where the task runs.",
            ) from None
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise HodeiError(
                Kind.TIMEOUT,
                f"image {image} is not used: the scan did not end in {timeout:g} s",
                hint="Raise `scan.timeout` in the provider, or see why it takes so long.",
            ) from None
        if code:
            said = _last_lines(output)
            raise HodeiError(
                Kind.AUTHORIZATION,
                f"image {image} is refused by the scan ({words[0]} ended with {code}){': ' if said else ''}{said}",
                hint="Use an image that passes.",
            )


def _last_lines(output: BinaryIO) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _LAST_BYTES))
    lines = output.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-_LAST_LINES:])
