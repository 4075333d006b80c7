"""Getting from place to place, and which team goes where in which order.

Nothing here knows what a place is for. The roads come from an OpenStreetMap extract (``tiles``), the engine that reads
them is an optional extra (``engine``), and whoever plans asks ``network``, which answers in either case and says which:
by road where there are roads, as the crow flies where there are none. ``days`` says what is to be planned and what comes
of it, ``solving`` searches for good rounds, ``infeasible`` says why a day cannot be as it is asked for.
"""
