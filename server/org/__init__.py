"""The bureau and its people: squads, persons, certificates, vehicles, partner units."""
