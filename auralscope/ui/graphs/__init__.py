"""Graphs and what is drawn in them, on pyqtgraph."""
