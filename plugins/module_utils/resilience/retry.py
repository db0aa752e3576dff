# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry with exponential backoff and full jitter, by the policy of each error (``model/errors.py``).

Full jitter spreads the retries of many clients best: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..model.errors import Category, HodeiError, missing_library
from .deadline import Deadline

if TYPE_CHECKING:
    from tenacity import Retrying

T = TypeVar("T")

#: A quota takes longer to refill than a connection to come back.
_PATIENCE = {Category.RESOURCE_LIMITS: 4.0}


class RetryPolicy(NamedTuple):
    """At most ``attempts`` calls, the first included; the wait before the second is up to ``initial`` seconds and doubles up
    to ``maximum``.
    """

    attempts: int = 3
    initial: float = 1.0
    maximum: float = 30.0


def may_retry(error: BaseException | None, *, idempotent: bool) -> bool:
    """Tell whether a second call can help and do no harm: what is not idempotent is repeated only if nothing was done."""
    return isinstance(error, HodeiError) and error.retryable and (idempotent or error.untouched)


def backoff(policy: RetryPolicy, error: HodeiError, attempt: int, uniform: Callable[[float, float], float]) -> float:
    """Return the seconds to wait after a failed attempt (1 is the first): jittered, but what the other side asked for at
    the least.
    """
    ceiling = min(policy.maximum, policy.initial * _PATIENCE.get(error.category, 1.0) * 2.0 ** (attempt - 1))
    return max(uniform(0.0, ceiling), error.retry_after or 0.0)


def attempts(
    policy: RetryPolicy,
    *,
    idempotent: bool,
    deadline: Deadline,
    sleep: Callable[[float], None] = time.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Retrying:
    """Return tenacity's loop: ``for attempt in attempts(...): with attempt: ...``; the last error comes out as it is.

    No attempt begins after the deadline.
    """
    try:
        from tenacity import RetryCallState, Retrying, retry_if_exception
    except ImportError as error:
        raise missing_library("tenacity") from error

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after or 0.0 if isinstance(error, HodeiError) else 0.0
        return state.attempt_number >= policy.attempts or asked >= deadline.remaining

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, HodeiError):  # nothing else is tried again
            return 0.0
        return min(backoff(policy, error, state.attempt_number, uniform), deadline.remaining)

    return Retrying(
        retry=retry_if_exception(lambda error: may_retry(error, idempotent=idempotent)),
        stop=stop,
        wait=wait,
        sleep=sleep,
        reraise=True,
    )


def retried(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    idempotent: bool,
    deadline: Deadline,
    sleep: Callable[[float], None] = time.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
) -> T:
    """Call, and call again while that may help; raises the last error."""
    loop = attempts(policy, idempotent=idempotent, deadline=deadline, sleep=sleep, uniform=uniform)
    answer: T = loop(call)
    return answer
