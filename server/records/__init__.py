"""What officers record in the field, kept as it came, judged and explained."""
