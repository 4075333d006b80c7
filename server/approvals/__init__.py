"""Approval of inspections (检查审批): single or for a batch with a plan, given at the desk or by phone."""
