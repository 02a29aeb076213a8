"""One forward pass written down, step by step."""
