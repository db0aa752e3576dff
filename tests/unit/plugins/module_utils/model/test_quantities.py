# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes and CPU shares: read, written back, guessed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.quantities import (
    parse_cpu,
    parse_duration,
    parse_size,
    rough_size,
    rough_time,
    show_cpu,
    show_duration,
    show_size,
    suggest_cpu,
    suggest_duration,
    suggest_size,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "30s", 30.0),
        (parse_duration, "1h30m", 5400.0),
        (parse_duration, "250ms", 0.25),
        (parse_duration, "1.5h", 5400.0),
        (parse_duration, "2w", 1_209_600.0),
        (parse_duration, 5, 5.0),
        (parse_duration, "5", 5.0),
        (parse_size, "512Mi", 512 << 20),
        (parse_size, "1024Mi", parse_size("1Gi")),
        (parse_size, "1.5Gi", 3 << 29),
        (parse_size, "10G", 10**10),
        (parse_size, "10k", 10_000),
        (parse_size, 4096, 4096),
        (parse_cpu, "500m", 500),
        (parse_cpu, 0.5, 500),
        (parse_cpu, "0.5", 500),
        (parse_cpu, 2, 2000),
    ],
)
def test_a_quantity_is_read(parse: Callable[[Any], Any], text: Any, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_duration, "30 s"),
        (parse_duration, ""),
        (parse_duration, "5x"),
        (parse_duration, -1),
        (parse_duration, float("nan")),
        (parse_duration, float("inf")),
        (parse_duration, "200y"),
        (parse_duration, "999999d"),
        (parse_size, "512Mb"),
        (parse_size, "512m"),
        (parse_size, -1),
        (parse_size, float("inf")),
        (parse_size, "9Ei"),
        (parse_cpu, "0"),
        (parse_cpu, 0.0001),
        (parse_cpu, "0.5m"),
        (parse_cpu, "50%"),
        (parse_cpu, float("nan")),
    ],
)
def test_what_is_no_quantity_is_refused(parse: Callable[[Any], Any], text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@given(st.integers(0, 10**11).map(lambda ms: ms / 1000))
def test_a_duration_is_written_so_that_it_reads_the_same(seconds: float) -> None:
    assert parse_duration(show_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.integers(0, 10**9).map(lambda micros: micros / 10**6))
def test_so_is_one_that_is_finer_than_milliseconds(seconds: float) -> None:
    assert parse_duration(show_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.integers(0, (1 << 63) - 1))
def test_a_size_is_written_so_that_it_reads_the_same(size: int) -> None:
    assert parse_size(show_size(size)) == size


@given(st.integers(1, 10**9))
def test_a_cpu_share_is_written_so_that_it_reads_the_same(millicores: int) -> None:
    assert parse_cpu(show_cpu(millicores)) == millicores


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (show_duration(30.0), "30s"),
        (show_duration(5400.0), "1h30m"),
        (show_duration(0.0), "0s"),
        (show_duration(0.25), "250ms"),
        (show_duration(1_209_600.0), "2w"),
        (show_duration(8 * 86_400.0), "8d"),
        (show_size(512 << 20), "512Mi"),
        (show_size(10**10), "10G"),
        (show_size(0), "0"),
        (show_size(1001), "1001"),
        (show_cpu(500), "500m"),
        (show_cpu(2000), "2"),
    ],
)
def test_a_quantity_is_written_as_people_do(shown: str, text: str) -> None:
    assert shown == text


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (45_000, "43.9 KiB"), (2 << 30, "2.0 GiB"), (500 << 30, "500 GiB")],
)
def test_a_measured_size_is_said_roughly(size: int, words: str) -> None:
    assert rough_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.012, "12 ms"), (0.4996, "500 ms"), (45, "45 s"), (300, "5 min"), (10_000, "3 h"), (1e6, "12 days")],
)
def test_a_measured_time_is_said_roughly(seconds: float, words: str) -> None:
    assert rough_time(seconds) == words


@pytest.mark.parametrize(
    ("suggest", "wrong", "meant"),
    [
        (suggest_size, "512Mb", "512Mi"),
        (suggest_size, "512 MiB", "512Mi"),
        (suggest_size, "512m", "512Mi"),
        (suggest_size, "1g", "1Gi"),
        (suggest_size, "10 gigs", "10Gi"),
        (suggest_size, "100 bytes", "100"),
        (suggest_size, "much", None),
        (suggest_duration, "30 sec", "30s"),
        (suggest_duration, "5min", "5m"),
        (suggest_duration, "1 hour", "1h"),
        (suggest_duration, "500 millis", "500ms"),
        (suggest_duration, "2 months", None),
        (suggest_duration, "soon", None),
        (suggest_cpu, "50%", "500m"),
        (suggest_cpu, "2 cores", "2"),
        (suggest_cpu, "0,5", "0.5"),
        (suggest_cpu, "lots", None),
    ],
)
def test_what_was_meant_is_guessed(suggest: Callable[[str], str | None], wrong: str, meant: str | None) -> None:
    assert suggest(wrong) == meant
