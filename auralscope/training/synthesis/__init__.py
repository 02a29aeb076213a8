"""Music composed by code and rendered. Not in the wheel."""
