# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """What every module takes, and what the converging ones add."""

    DOCUMENTATION = r"""
options:
  owner:
    description:
      - The ownership boundary, nothing outside it is ever touched.
      - Taken from the document, the variable C(hodei_owner) or the environment variable E(HODEI_OWNER) when left out.
    type: str
  lineage:
    description:
      - The identity of the fleet, printed once by M(hodei.workers.fleet_init); every object carries it.
      - Taken from the document, the variable C(hodei_lineage) or the owner's state when left out. Keep it in the document, so that
        lost state costs nothing.
    type: str
  backend:
    description:
      - "Where state is kept. V({type: sqlite}) with an optional C(path) and C(allow_ephemeral)."
      - Taken from the document or the variable C(hodei_backend) when left out.
    type: dict
  providers:
    description:
      - The configured providers by name. Their type is told from the configuration where it is not given.
      - Taken from the document or the variable C(hodei_providers) when left out, else one process provider called V(local).
    type: dict
  stores:
    description:
      - The configured credential stores by name. Taken from the document or the variable C(hodei_stores) when left out.
    type: dict
  audit:
    description:
      - The audit chain of secrets, V({on_failure, keep, max_size, max_age, anchors}), see the page on audit.
      - Taken from the document or the variable C(hodei_audit) when left out.
    type: dict
  identity:
    description:
      - Who asks for secrets, V({oidc}) or V({claimed}), see the page on access. The user who runs the task when there is none.
      - Taken from the document or the variable C(hodei_identity) when left out.
    type: dict
  moved:
    description:
      - "Workers that were renamed, each as V({from: worker.old, to: worker.new}). What runs goes on under its new address."
      - "An owner that was renamed is written as V({from: owner.old, to: owner.new}). The module P(hodei.workers.fleet#module) follows it."
      - Taken from the document or the variable C(hodei_moved) when left out.
    type: list
    elements: dict
  document:
    description:
      - Path of a document on the controller (YAML, JSON or TOML), or a list of such paths, that is used instead of the C(hodei_workers)
        variables.
      - Taken from the variable C(hodei_document) when left out.
      - Large fleets belong into a document, 1,000 inline entries cost Ansible itself 2 seconds for each task.
    type: raw
  _payload:
    description:
      - What the action plugin gathered from arguments, variables and files. Not for use by hand.
    type: str
  _sealed:
    description:
      - The secrets of it. Not for use by hand.
    type: str
requirements:
  - Python >= 3.11
  - psutil (process provider)
notes:
  - Options that are left out are filled from C(hodei_*) variables, all C(hodei_workers__*) fragments are merged into C(hodei_workers).
"""

    WORKERS = r"""
options:
  workers:
    description:
      - The workers as a list, or as a mapping by name. See M(hodei.workers.worker) for the fields of a worker.
      - Taken from the document, or from the variables C(hodei_workers) and C(hodei_workers__*), when left out.
    type: raw
"""

    SECRETS = r"""
options:
  secrets:
    description:
      - The secrets as a list, or as a mapping by name. See M(hodei.workers.secret) for the fields of a secret.
      - Taken from the document, or from the variables C(hodei_secrets) and C(hodei_secrets__*), when left out.
    type: raw
"""

    SELECTION = r"""
options:
  targets:
    description:
      - Touch only these addresses (V(worker.runner[2])), worker names (V(runner)) or globs (V(ci-*)), and what they depend on.
    type: list
    elements: str
    default: []
  excludes:
    description:
      - Leave these addresses, names or globs alone.
    type: list
    elements: str
    default: []
"""

    REPLACE = r"""
options:
  replace:
    description:
      - Make these addresses, names or globs anew although nothing else asks for it.
    type: list
    elements: str
    default: []
"""

    DRAIN = r"""
options:
  drain:
    description:
      - Let workers finish their work before anything stops them, as their C(lifecycle.drain) says.
      - V(false) stops them in the middle of their work, for emergencies.
    type: bool
    default: true
"""

    WAIT = r"""
options:
  wait_for_drain:
    description:
      - Wait until workers that have to finish their work have done so.
      - V(false) asks once. Whoever works then is V(waiting) in the results, which is no failure, and listed as overdue. What is to be done
        with it is left to its provider, or to the next run where no provider can do it.
    type: bool
    default: true
"""

    PRUNE = r"""
options:
  prune:
    description:
      - Delete workers of this owner that the document no longer names.
    type: bool
    default: true
  max_deletes:
    description:
      - How many workers may vanish from the document in one run. More of them fail before anything is touched.
      - The larger of 3 and 20 % of the owner's workers when left out.
    type: int
  allow_empty:
    description:
      - Allow a document without any worker to delete all that there are.
    type: bool
    default: false
  prune_fragments:
    description:
      - Fragments or documents that are gone for good. Workers that came from one that a run does not see stay otherwise.
    type: list
    elements: str
    default: []
"""

    RUN = r"""
options:
  lease_timeout:
    description:
      - How long to wait for another run of the same owner to end.
    type: str
    default: 1m
  lease_ttl:
    description:
      - How long this run's lease on the owner lasts without being renewed. It is renewed three times in that time.
    type: str
    default: 30s
  break_lease:
    description:
      - Take the lease although another run holds it. That run can write nothing any more.
    type: bool
    default: false
  parallel:
    description:
      - Most provider calls at the same time, over all providers. Each provider has its own limit besides.
    type: int
    default: 64
  interrupt_grace:
    description:
      - How long an interrupted run waits for what is in flight, to record it.
    type: str
    default: 10s
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/hodei.workers.workers) in C(module_defaults) to set options for all modules at once.
    support: full
    membership:
      - hodei.workers.workers
  check_mode:
    description: Can run in C(check_mode) and tell what it would change without changing anything.
    support: full
  diff_mode:
    description: Tells what changed, or would change, in diff mode.
    support: full
  idempotent:
    description: When run twice in a row with the same arguments, the second run changes nothing.
    support: full
"""

    ATTRIBUTES_INFO = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/hodei.workers.workers) in C(module_defaults) to set options for all modules at once.
    support: full
    membership:
      - hodei.workers.workers
  check_mode:
    description: Only looks, so check mode changes nothing.
    support: full
  diff_mode:
    description: Tells what changed, or would change, in diff mode.
    support: N/A
  idempotent:
    description: Only looks.
    support: full
"""
