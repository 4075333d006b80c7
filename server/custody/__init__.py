"""Goods held: advance registration lists (先行登记保存) and the chain of custody from hand-in to destruction."""
