"""Measure speed, beside the alternatives that a user may choose; nothing is asserted. `make bench` runs all."""
