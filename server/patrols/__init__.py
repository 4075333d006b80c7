"""Patrols (巡查): a squad's day as planned and published, and what became of it on the road."""
