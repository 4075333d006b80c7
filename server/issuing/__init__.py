"""Reports that are signed off: drafted, reviewed, issued, frozen, and what became known since."""
