"""The desk: what devices sent and nobody but a person can decide."""
