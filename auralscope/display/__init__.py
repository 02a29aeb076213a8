"""What the eye sees: pictures of sound at any zoom, axes and ticks. No Qt."""
