"""Which team visits whom, when and in which order: days to be planned, the search for good rounds, and why one cannot be.

Pure: no table, no web, no clock of its own. Whoever calls it brings turns, tasks and the matrices of travel.
"""
