"""Signals without state and without Qt: what a network sees, the way back to sound, what the eye sees."""
