"""Draws (双随机): outlets and officers drawn from a frozen pool by a published seed."""
