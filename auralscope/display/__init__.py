"""Pictures of sound at any zoom, axes and ticks, without Qt."""
