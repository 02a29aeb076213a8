"""Read and write audio files (`files`), and play through PortAudio (`playback`). No Qt, no torch."""
