"""The window. Qt and pyqtgraph are used here and nowhere else."""
