"""Getting from place to place: travel by road where there are roads, as the crow flies where there are none.

Nothing here knows what a place is for. The roads come from an OpenStreetMap extract (``tiles``), the engine that reads
them is an optional extra (``engine``), and whoever plans asks ``network``, which answers in either case and says which.
"""
