"""Measure labels without a network: ground truth, co-occurrence, label noise, AUC."""
