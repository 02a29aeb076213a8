"""The genre convnet of Choi 2018, sec. 7.2.4, as a plugin."""
