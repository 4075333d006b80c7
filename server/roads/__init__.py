"""Roads (路网): which road network the installation travels by. What reads it is gis.routing."""
