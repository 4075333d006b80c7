"""How teams get about: the matrices that the solver reads, the legs of a round, and the line to draw."""

from __future__ import annotations
