"""Training: music composed by code, rendered, and networks fitted to it. Behind the extra ``[train]``."""
