# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns mean what they mean to `re`, and none takes long, whatever the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.pattern import (
    MOST_POSITIONS,
    PatternError,
    _Reader,
    compiled,
)

SINGLE = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\.", "[]b]", "-"])
PATTERNS = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,2}", "{1,}", "{2,3}", "{,2}", "{0}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("ab1.]-\n", max_size=6))
def test_a_pattern_means_what_it_means_to_re(pattern: str, text: str) -> None:
    assert compiled(pattern)(text) is (re.fullmatch(pattern, text) is not None)
    assert compiled(f"^{pattern}$")(text) is compiled(pattern)(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 4096),
        ("(a|a)*b", "a" * 4096),
        ("(a|aa)+b", "a" * 4096),
        ("(.*)*(.*)*(.*)*b", "a" * 4096),
        ("a*" * 200 + "b", "a" * 4096),
        ("(((a*b|a)*b|a)*b|a)*c", "aab" * 1300),
    ],
    ids=["nested", "the same twice", "overlapping", "anything", "many", "deep"],
)
def test_a_pattern_that_re_would_never_finish_is_matched(pattern: str, text: str) -> None:
    assert not compiled(pattern)(text)
    assert compiled(pattern)(f"{text}{pattern[-1]}")


def test_the_work_is_bounded_by_the_pattern_and_the_text() -> None:
    # At most so many positions are looked at for each character: the bound is on steps, no clock is asked.
    reader = _Reader("(a*){20}(a|b|c){100}")
    reader.alternatives()
    assert len(reader.tests) == len(reader.follow) == 320 <= MOST_POSITIONS


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a", r"a \) is missing"),
        ("a)", r"a \) is one too many"),
        ("[a", "is no character or class"),
        ("a\\", "is no character or class"),
        ("*a", "nothing that"),
        ("a|+", "nothing that"),
        ("a**", "a repeat of a repeat"),
        ("a+?", "a repeat of a repeat"),
        ("a{}", "says no number"),
        ("a{x", "says no number"),
        ("a{3,2}", "more than it allows"),
        ("a{501}", "too large"),
        ("(a{50}){50}", "too large"),
        ("((((){99}){99}){99}){99}", "too large"),
        ("a^b", "not known here"),
        (r"(a)\1", "not known here"),
        (r"\bx", "not known here"),
        ("(?=a)b", "groups that look around"),
        ("(?i)a", "groups that look around"),
        ("(?P<n>a)", "groups that look around"),
    ],
)
def test_a_pattern_that_is_not_known_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("AKIA[0-9A-Z]{16}", "AKIA0123456789ABCDEF", "AKIA0123456789ABCDE"),
        ("sk_(live|test)_[A-Za-z0-9]{24,}", "sk_live_" + "x" * 30, "sk_prod_" + "x" * 30),
        ("postgres://[^:]+:[^@]+@[^/]+/\\w+", "postgres://u:p@db/app", "postgres://u@db/app"),
        ("", "", "x"),
        (r"\{\}\$", "{}$", "{}"),
    ],
)
def test_patterns_of_the_kind_that_people_write(pattern: str, good: str, bad: str) -> None:
    assert compiled(pattern)(good)
    assert not compiled(pattern)(bad)
