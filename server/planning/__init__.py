"""Planning patrols: what a squad's day may hold, the solver that orders it, and giving it out."""
