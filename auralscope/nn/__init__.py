"""The engine: recorded forward passes, attribution methods, analyses, and the model that joins them."""
