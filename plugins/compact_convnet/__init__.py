"""Compact-convnet taggers (Choi 2018, sec. 2.4)."""
