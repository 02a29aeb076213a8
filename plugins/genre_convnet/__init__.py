"""Genre convnet (Choi 2018, sec. 7.2.4)."""
