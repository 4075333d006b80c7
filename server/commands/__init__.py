"""The larger commands of ``xunge``, one file each."""
