"""Dispatches (出动): who was out, with which vehicles and partner units, from when to when."""
