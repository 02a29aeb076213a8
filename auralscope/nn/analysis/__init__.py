"""What units, layers and labels are like: measurements on a model at work."""
