"""The label page of the window."""
