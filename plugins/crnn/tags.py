"""The 50 tags of the Million Song Dataset (Last.fm) that the published networks know, in the order of their outputs."""

from __future__ import annotations

from pathlib import Path

MSD_TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient"),
    *("acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening"),
    *("sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad"),
    *("House", "happy"),
)

SYNTHESISED_TAGS = tuple((Path(__file__).parent / "synthesised_tags.txt").read_text(encoding="utf-8").splitlines())
"""Of the music that this project composes to train on."""
