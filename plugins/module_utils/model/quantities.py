# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes and CPU shares: the strings that people write, the numbers that programs use.

Durations are float seconds, sizes int bytes, CPU int millicores. A bare number is seconds, bytes or cores. Units are those of
Kubernetes (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/), without its milli-bytes: `512m`
is refused as a size, because Docker means 512 MiB by it and Kubernetes half a byte.
"""

from __future__ import annotations

import math
import re

MILLISECONDS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
BINARY = {"Ei": 1 << 60, "Pi": 1 << 50, "Ti": 1 << 40, "Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10}
DECIMAL = {"E": 10**18, "P": 10**15, "T": 10**12, "G": 10**9, "M": 10**6, "k": 10**3}
BYTES = {**BINARY, **DECIMAL, "": 1}

NUMBER = r"[0-9]+(?:\.[0-9]+)?"
DURATION_PATTERN = rf"{NUMBER}|(?:{NUMBER}(?:ms|s|m|h|d|w))+"
SIZE_PATTERN = rf"{NUMBER}(?:[KMGTPE]i|[kMGTPE])?"
CPU_PATTERN = rf"{NUMBER}|[0-9]+m"

LONGEST = 100 * 366 * 86_400.0
LARGEST = (1 << 63) - 1
MOST_MILLICORES = 1_000_000_000


def parse_duration(value: str | float) -> float:
    """Read `30s`, `1h30m`, `250ms` or a number of seconds. Raises ValueError for anything else, or above 100 years."""
    if isinstance(value, str):
        if re.fullmatch(DURATION_PATTERN, value) is None:
            raise ValueError("not a duration")
        parts = re.findall(rf"({NUMBER})(ms|s|m|h|d|w)", value)
        seconds = sum(float(number) * MILLISECONDS[unit] for number, unit in parts) / 1000 if parts else float(value)
    else:
        seconds = float(value)
    if not 0 <= seconds <= LONGEST:
        raise ValueError("out of range")
    return round(seconds, 6)


def parse_size(value: str | float) -> int:
    """Read `512Mi`, `1.5Gi`, `10G` or a number of bytes. Raises ValueError for anything else, or above 2**63 - 1."""
    if isinstance(value, str):
        match = re.fullmatch(rf"({NUMBER})([A-Za-z]{{0,2}})", value)
        if match is None or match[2] not in BYTES:
            raise ValueError("not a size")
        number, unit = match[1], BYTES[match[2]]
        size = int(number) * unit if number.isdigit() else round(float(number) * unit)
    else:
        if not math.isfinite(value):
            raise ValueError("not a size")
        size = round(value)
    if not 0 <= size <= LARGEST:
        raise ValueError("out of range")
    return size


def parse_cpu(value: str | float) -> int:
    """Read `500m`, `0.5` or a number of cores. Raises ValueError for anything else, or below one millicore."""
    if isinstance(value, str):
        if re.fullmatch(CPU_PATTERN, value) is None:
            raise ValueError("not a CPU share")
        millicores = float(value[:-1]) if value.endswith("m") else float(value) * 1000
    else:
        millicores = float(value) * 1000
    if not 0.5 < millicores <= MOST_MILLICORES:
        raise ValueError("out of range")
    return round(millicores)


def show_duration(seconds: float) -> str:
    """Write seconds as people do: 5400 -> `1h30m`; `parse_duration` reads the same number back."""
    left = round(seconds * 1000)
    if abs(left / 1000 - seconds) > 1e-9:
        return f"{seconds:.6f}".rstrip("0") + "s"
    text = ""
    for unit, size in MILLISECONDS.items():
        count, left = divmod(left, size) if unit != "w" or left % size == 0 else (0, left)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def show_size(size: int) -> str:
    """Write bytes in the unit that makes the smallest whole number: 536870912 -> `512Mi`, 10000000000 -> `10G`."""
    exact = [(size // factor, unit) for unit, factor in BYTES.items() if size and size % factor == 0]
    count, unit = min(exact, default=(size, ""))
    return f"{count}{unit}"


def show_cpu(millicores: int) -> str:
    """Write millicores: 500 -> `500m`, 2000 -> `2`."""
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)


def rough_size(size: float) -> str:
    """Say measured bytes in the largest unit that they fill: 12.3 GiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def rough_time(seconds: float) -> str:
    """Say how long something took or is ago: 12 ms, 45 s, 3 min, 5 h, 12 days."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def suggest_duration(text: str) -> str | None:
    """Guess what a wrong duration meant: `30 sec` -> `30s`."""
    match = re.fullmatch(rf"\s*({NUMBER})\s*([A-Za-z]+)\s*", text)
    if match is None:
        return None
    word = match[2].lower()
    starts = {"ms": "ms", "milli": "ms", "mon": "", "y": "", "s": "s", "m": "m", "h": "h", "d": "d", "w": "w"}
    unit = next(unit for start, unit in (*starts.items(), ("", "")) if word.startswith(start))
    return f"{match[1]}{unit}" if unit else None


def suggest_size(text: str) -> str | None:
    """Guess what a wrong size meant: `512Mb`, `512 MiB` and `512m` -> `512Mi`."""
    names = r"i?b|i|bytes?|ilobytes?|egs?|egabytes?|igs?|igabytes?|erabytes?"
    match = re.fullmatch(rf"\s*({NUMBER})\s*([kmgtpe])?(?:{names})?\s*", text, re.IGNORECASE)
    if match is None:
        return None
    return f"{match[1]}{match[2].upper()}i" if match[2] else match[1]


def suggest_cpu(text: str) -> str | None:
    """Guess what a wrong CPU share meant: `50%` -> `500m`, `2 cores` -> `2`, `0,5` -> `0.5`."""
    match = re.fullmatch(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*(%|mc?|milli\w*|c(?:pus?|ores?)?|vcpus?)?\s*", text.lower())
    if match is None:
        return None
    number, unit = match[1].replace(",", "."), match[2] or ""
    if unit == "%":
        return f"{round(float(number) * 10)}m"
    return f"{round(float(number))}m" if unit.startswith("m") else number
