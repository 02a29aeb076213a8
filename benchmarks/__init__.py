"""What is measured, never asserted: `make bench` prints it, beside what a user would pick instead."""
