"""Compose and render music to train our own models on. Not in the wheel."""
