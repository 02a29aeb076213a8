"""The compact-convnet tagger (Choi 2018, sec. 2.4)."""
