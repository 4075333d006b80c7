"""The audit trail as a chain: events sealed after commit, each seal over the one before, and the proof of it."""
