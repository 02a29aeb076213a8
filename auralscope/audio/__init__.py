"""Sound in and out: audio files (`files`) and playback through PortAudio (`playback`). No Qt, no torch."""
