"""The tape: a recorded forward pass, and signals that go back along it."""
