"""Tags of the bundled taggers, in the order of the networks' outputs."""

from __future__ import annotations

MSD_TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient"),
    *("acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening"),
    *("sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad"),
    *("House", "happy"),
)
"""The 50 most frequent Last.fm tags of the Million Song Dataset, in the order of the published networks."""

SYNTHESISED_TAGS = (
    *("piano", "electric piano", "bells and mallets", "organ", "accordion", "acoustic guitar"),
    *("electric guitar", "distorted guitar", "bass", "strings", "harp", "choir", "brass", "woodwind"),
    *("synth lead", "synth pad", "drums", "percussion", "solo", "ensemble", "dense", "sparse", "slow", "fast"),
    *("low register", "high register", "minor", "staccato", "triple metre", "classical", "ballad", "folk"),
    *("rock", "jazz", "ragtime", "funk", "latin", "dance", "drum and bass", "hip-hop", "ambient", "march"),
    *("waltz", "lullaby"),
)
"""The 44 tags of the music that this project synthesises to train on."""
