"""What the program knows and does, without a window: state, background work, reports."""
