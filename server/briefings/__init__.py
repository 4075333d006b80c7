"""Briefing packs (工作例会材料): what a squad is told on a morning, frozen so that it can be proved."""
