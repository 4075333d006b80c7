"""The larger commands of ``xunge``, one file each, loaded when they are called."""

from __future__ import annotations

from importlib import import_module

import click

# Command → the module and the name in it. Loading all of them would cost every call some seconds.
COMMANDS = {
    "cadence": ("server.commands.cadence", "group"),
    "approval": ("server.commands.approval", "group"),
    "account": ("server.commands.founding", "account"),
    "audit": ("server.commands.audit", "group"),
    "backup": ("server.commands.backup", "group"),
    "briefing": ("server.commands.briefing", "group"),
    "bureau": ("server.commands.founding", "bureau"),
    "calendar": ("server.commands.calendars", "group"),
    "demo": ("server.commands.demo", "demo"),
    "dispatch": ("server.commands.dispatch", "group"),
    "doctor": ("server.commands.doctor", "doctor"),
    "co-signatures": ("server.commands.co_signatures", "command"),
    "custody": ("server.commands.custody", "group"),
    "draw": ("server.commands.draw", "group"),
    "demo-shift": ("server.commands.demo", "demo_shift"),
    "duty": ("server.commands.duty", "group"),
    "duty-cells": ("server.commands.duty_cells", "group"),
    "find": ("server.commands.find", "command"),
    "files": ("server.commands.files", "group"),
    "campaign": ("server.commands.campaign", "group"),
    "clue": ("server.commands.clue", "group"),
    "cap": ("server.commands.policy", "caps"),
    "form": ("server.commands.form", "group"),
    "handover": ("server.commands.handover", "group"),
    "import": ("server.commands.imports", "group"),
    "issue": ("server.commands.issue", "group"),
    "restore": ("server.commands.backup", "restore"),
    "keys": ("server.commands.keys", "group"),
    "make-up": ("server.commands.make_up", "group"),
    "notices": ("server.commands.notices", "group"),
    "numbers": ("server.commands.papers", "numbers"),
    "opening-hours": ("server.commands.opening_hours", "group"),
    "papers": ("server.commands.papers", "papers"),
    "plan": ("server.commands.plan", "plan"),
    "plans": ("server.commands.plan", "group"),
    "policy": ("server.commands.policy", "group"),
    "rectification": ("server.commands.rectification", "group"),
    "reindex": ("server.commands.find", "reindex"),
    "report": ("server.commands.report", "group"),
    "retention": ("server.commands.retention", "command"),
    "roads": ("server.commands.roads", "group"),
    "road-check": ("server.commands.dispatch", "road_check"),
    "roster": ("server.commands.roster", "group"),
    "sync": ("server.commands.desk", "group"),
    "tag": ("server.commands.campaign", "tag"),
    "waiver": ("server.commands.waiver", "group"),
    "webhook": ("server.commands.webhooks", "group"),
    "workdays": ("server.commands.workdays", "group"),
}


class Lazy(click.Group):
    """A group whose larger commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        return sorted([*super().list_commands(ctx), *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported if it is one of the larger ones."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command
