"""Analyses of units, layers and labels of a model at work."""
