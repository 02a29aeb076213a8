"""The CRNN tagger (Choi et al. 2017)."""
