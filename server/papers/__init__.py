"""Papers (文书) of records as PDF, and their official numbers without gaps."""
