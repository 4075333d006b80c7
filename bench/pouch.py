"""The peer on the CouchDB protocol; filled in below."""


def add_pouch_push(table, seconds):
    pass
