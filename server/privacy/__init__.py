"""Person data: which fields are of persons, how they are masked, who read them in full, and how long they are kept."""
