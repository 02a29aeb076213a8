"""State and background work of the program, without a window."""
