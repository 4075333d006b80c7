"""Licensed outlets and the other places that are visited."""
