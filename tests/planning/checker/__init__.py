"""A checker of plans that shares nothing with what makes them.

It reads raw rows of the database and a plan as it is told over the wire, and judges by code of its own, written from what
the domain says of cadence, caps, pairs and opening hours. It imports neither the planner, nor its solver, nor the rules of
the cadence; tests/planning/test_checker.py keeps it so, and breaks a plan by hand for every rule that it knows.
"""
