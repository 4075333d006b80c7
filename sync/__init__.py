"""Replication over any table that is synced: RxDB's protocol on the wire, a cursor that misses no row beneath.

It knows no visit, no cell and no officer; the house that mounts it tells it (see collection.Collection).
"""
