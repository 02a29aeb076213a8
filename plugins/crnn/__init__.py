"""CRNN taggers (Choi et al. 2017)."""
