"""Backups: a consistent dump, the files beside it, a manifest written last; and the way back into an empty database."""
