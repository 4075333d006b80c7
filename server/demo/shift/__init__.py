"""One officer's day, played against a running server over HTTP and nothing else."""
