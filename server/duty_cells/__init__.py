"""Duty over cells (片区责任): handed over in bulk with what that does to workloads, watched over, shown to the public."""
