"""What labels say of one another and of themselves: ground truth, co-occurrence, noise. No network."""
