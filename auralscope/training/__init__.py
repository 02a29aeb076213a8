"""Train models on one's own recordings (extra `[train]`). `synthesis` and `bundled`: how our own models were made."""
