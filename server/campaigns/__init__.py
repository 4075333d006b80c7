"""Key-place tags (重点场所标签) and campaigns (专项行动): which special checks belong together, and how far they reached."""
