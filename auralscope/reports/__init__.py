"""Pages, tables and pictures that are written to files. No Qt, no state."""
