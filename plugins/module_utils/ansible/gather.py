# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side: bring what a user wrote (arguments, hodei_* variables, fragments, document files) to one payload.

Pure but for the functions handed in. Modules get the payload as one JSON text, so that Ansible neither templates nor prints it
again: 1,000 inline entries cost Ansible itself 2 s per task, the text costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..model.errors import HodeiError, Kind

SCALARS = ("owner", "lineage", "backend", "providers", "stores", "audit", "identity", "moved")
#: What a document has lists of; each has a variable ``hodei_<kind>`` and fragments ``hodei_<kind>__*``.
KINDS = ("workers", "secrets")


def gather(
    args: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    template: Callable[[Any], Any],
    load: Callable[[str], Any],
    kinds: Sequence[str] = KINDS,
    single_fields: frozenset[str] = frozenset(),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a task's arguments into what stays an argument and the payload that holds the document.

    ``kinds`` are the lists that the task is about; ``single_fields`` are arguments that describe one entry of the first of them.
    An argument wins over the document file, the file over variables. Entries are not merged across these three, but all of
    ``hodei_workers`` and ``hodei_workers__*`` are, and so are secrets. Raises HodeiError(validation) for contradicting arguments.
    """
    arguments = {name: value for name, value in args.items() if value is not None}
    single = {name: arguments.pop(name) for name in single_fields if name in arguments and name != "state"}
    path = arguments.pop("document", None)
    inline = {kind: found for kind in KINDS if (found := arguments.pop(kind, None)) is not None}
    if single and (inline or path is not None):
        noun = kinds[0].removesuffix("s")
        raise HodeiError(
            Kind.VALIDATION,
            f"a single {noun} (name, ...) and a list ({kinds[0]}, document) exclude each other",
            hint=f"Put the single {noun} into the list.",
        )
    if path is None and not inline and not single:
        path = _variable(variables, "hodei_document", template)
    files = [(name, load(name)) for name in ([path] if isinstance(path, str) else path or [])]
    others = [kind for kind in KINDS if kind not in kinds]
    payload: dict[str, Any] = {
        "documents": [{"source": name, "content": _without(content, others)} for name, content in files]
    }
    for name in SCALARS:
        value = arguments.pop(name, None)
        payload[name] = _variable(variables, f"hodei_{name}", template) if value is None else value
        payload[f"{name}_given"] = value is not None
    if single:
        inline = {kinds[0]: [single]}
    said = bool(files) or bool(inline)
    for kind in kinds:
        payload[kind] = _fragments(kind, inline.get(kind), said, single, variables, template)
    payload["variables"] = {
        name: template(variables[name]) for name in variables if name in SETTING_VARIABLES and name not in SCALARS
    }
    return arguments, payload


def names_owner(payload: Mapping[str, Any]) -> bool:
    """Tell whether a document says whose fleet this is: it may be another one for each host."""
    return payload["owner"] is None and any(one["content"].get("owner") for one in payload["documents"])


#: Variables that settings are resolved from (model/settings.py), beside the document's own.
SETTING_VARIABLES = (
    "hodei_state_dir",
    "hodei_default_timeout",
    "hodei_rate_limits",
    "hodei_kubeconfig",
    "hodei_docker_host",
    "hodei_vault_addr",
    "hodei_vault_auth",
    "hodei_aws_region",
    "hodei_nats_urls",
    "hodei_keycloak_url",
    "hodei_avp_policy_store",
)


#: What the playbooks read beside these.
_PLAYBOOK_VARIABLES = (
    "accept", "allow_empty", "backup", "break_lease", "compose", "compose_profiles", "compose_to", "confirm", "detailed_exitcode", "drain",
    "excludes", "fail_on", "force", "hosts", "keys", "leave_workers", "max_deletes", "plan", "plan_expires", "plan_markdown", "prune",
    "prune_fragments", "replace", "targets", "wait_for_drain",
)  # fmt: skip
_ALIKE = 0.9  # `hodei_move` and `hodei_moved`, not `hodei_plans_url` and `hodei_plan`


def mistyped(variables: Collection[str]) -> list[str]:
    """Say which variables look like ours and are not: nobody reads them, and what they hold is missed by nobody."""
    names = (*KINDS, "document", *SCALARS, *_PLAYBOOK_VARIABLES)
    known = [*(f"hodei_{name}" for name in names), *SETTING_VARIABLES]
    if "hodei_address" in variables:  # a worker as a host: our inventory plugin says by which provider it runs
        known.append("hodei_provider")
    said = []
    for name in variables:
        if not name.startswith("hodei_") or name in known or any(_is_fragment(kind, name) for kind in KINDS):
            continue
        alike = next((kind for kind in KINDS if name.startswith(f"hodei_{kind}_")), None)
        if alike:
            meant = _prefix(alike) + name.removeprefix(f"hodei_{alike}_")
        else:
            import difflib

            meant = next(iter(difflib.get_close_matches(name, known, 1, _ALIKE)), "")
        if meant:
            said.append(f"the variable {name} is not read; did you mean {meant}?")
    return said


def _fragments(
    kind: str,
    inline: Any,
    said: bool,
    single: Mapping[str, Any],
    variables: Mapping[str, Any],
    template: Callable[[Any], Any],
) -> list[dict[str, Any]]:
    """Return what arguments or variables list; ``said`` tells that arguments or documents say what there is, and variables do not."""
    if inline is not None:
        return [{"source": "" if single else kind, "content": inline}]
    if said:
        return []
    names = [name for name in variables if name == f"hodei_{kind}" or _is_fragment(kind, name)]
    return [{"source": name, "content": template(variables[name])} for name in sorted(names)]


def _prefix(kind: str) -> str:
    return f"hodei_{kind}__"


def _is_fragment(kind: str, variable: str) -> bool:
    return variable.startswith(_prefix(kind))


def _without(content: Any, others: Sequence[str]) -> Any:
    """Return a document without what the task is not about."""
    return (
        {key: value for key, value in content.items() if key not in others} if isinstance(content, Mapping) else content
    )


def _variable(variables: Mapping[str, Any], name: str, template: Callable[[Any], Any]) -> Any:
    return template(variables[name]) if name in variables else None


def dumps(payload: Mapping[str, Any]) -> str:
    """Serialise a payload; json takes the tagged and lazy values of ansible-core 2.19 as they are."""
    return json.dumps(payload, default=str)
