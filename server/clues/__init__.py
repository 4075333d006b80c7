"""Clues (线索), incidents, and what is done with them: notice, hand-over, transfer, as recorded facts."""
