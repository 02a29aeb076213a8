"""What is measured, never asserted: `make bench` prints it, side by side in one run with what a user would pick instead."""
