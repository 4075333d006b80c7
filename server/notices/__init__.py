"""Escalation digests: who is told of what on which day, in the app, by mail and by signed webhook."""
