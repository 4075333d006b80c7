"""Figures, each traceable to the records behind it."""
