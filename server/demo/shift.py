"""One officer's day, played against a running server."""
