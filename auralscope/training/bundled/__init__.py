"""How the bundled models and the excerpt were made. Not in the wheel."""
