"""Calendar feeds (日历订阅): what somebody has before him, for the calendar of his own phone."""
