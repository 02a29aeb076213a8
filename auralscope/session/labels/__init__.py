"""The state of the label page."""
