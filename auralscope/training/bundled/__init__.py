"""Make the bundled models and the excerpt. Not in the wheel."""
