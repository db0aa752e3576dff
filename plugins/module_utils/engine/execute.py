# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a run that changes the world: journal, calls and graph, put together."""

from __future__ import annotations

from dataclasses import replace

from ..model.ports import Labels
from .apply import Applier, Bounds
from .calls import Caller
from .journal import Journal
from .lease import LeaseKeeper
from .preparing import prepare
from .request import Ports, Report, Request, Tools
from .waiting import WaitingRoom


def execute(request: Request, ports: Ports, tools: Tools, keeper: LeaseKeeper, report: Report) -> Report:
    """Settle what earlier runs left open, then apply the plan; returns the report with what became of each change."""
    plan = report.plan
    journal = Journal(
        ports.store,
        keeper,
        report.run_id,
        report.state.resources,
        request.document.wanted,
        tools.clock,
        tools.new_id,
    )
    journal.settle([one for one in report.state.pending if one.provider in report.survey.world.seen])
    labels = Labels(plan.owner, plan.lineage, request.key_id, report.run_id)
    refused = prepare(ports.providers, plan, request.document.instances, ports.listener, tools.stop)
    bounds = Bounds(report.survey.limits, request.parallel, request.interrupt_grace)
    caller = Caller(journal, labels, report.survey, wait=request.wait_for_drain, secrets=ports.secrets)
    room = WaitingRoom(caller.drain_request, wait=request.wait_for_drain, clock=tools.clock)
    applier = Applier(journal, caller, ports.objects, bounds, tools.stop, room, ports.listener, refused=refused)
    results = tuple(applier.run(plan))
    return replace(
        report,
        results=results,
        serial=journal.serial or report.serial,
        interrupted=tools.stop.reason,
        broken=applier.broken,
    )
