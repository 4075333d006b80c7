"""The roster (排班): leave, training, secondment and other duty, for planning alone; it is no attendance."""
