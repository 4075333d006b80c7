"""What every noun stands on: settings, the database, the unit of work, HTTP, problems, permissions."""
