"""Sort labels into categories, as Choi 2018, figs. 3.4 and 4.3, groups them."""

from __future__ import annotations

import re

CATEGORIES = ("genre", "era", "mood", "voice and instrument", "sound", "other")
"""All categories, in the order in which they are shown."""

_ERA = re.compile(r"(\d{2}|\d{4})'?s|oldies")

_MEMBERS = {
    "genre": """
        60s rock; acid jazz; afrobeat; alternative; alternative rock; ambient; ballad; baroque; blues; bossa nova;
        celtic; classic rock; classical; country; dance; death metal; disco; drum and bass; dub; dubstep; electro;
        electronic; electronica; emo; folk; funk; fusion; garage; gospel; grunge; hard rock; hardcore; heavy metal;
        hip-hop; hip hop; house; indie; indie pop; indie rock; industrial; j-pop; jazz; latin; lo-fi; lullaby; march;
        metal; new age; new wave; opera; pop; post-punk; post-rock; progressive rock; psychedelic; punk; punk rock;
        r&b; ragtime; rap; reggae; rnb; rock; salsa; shoegaze; ska; soul; soundtrack; swing; techno; thrash metal;
        trance; trip-hop; waltz; world
        """,
    "mood": """
        aggressive; angry; beautiful; calm; catchy; chill; chillout; cool; dark; downtempo; dreamy; easy listening;
        energetic; epic; funny; happy; love; melancholic; melancholy; mellow; party; peaceful; quiet; relaxing;
        romantic; sad; sexy; sleep; soft; summer; upbeat; uplifting
        """,
    "voice and instrument": """
        a cappella; accordion; acoustic; acoustic guitar; banjo; bass; bells; bells and mallets; brass; cello; choir;
        clarinet; drum; drums; electric guitar; electric piano; distorted guitar; ensemble; female vocal;
        female vocalist; female vocalists; female vocals; flute; guitar; harp; harpsichord; horn; instrumental;
        keyboard; male vocal; male vocalist; male vocalists; male vocals; oboe; orchestra; organ; percussion; piano;
        saxophone; singer-songwriter; sitar; solo; string; strings; synth; synth lead; synth pad; synthesizer;
        trombone; trumpet; vibraphone; viola; violin; vocal; vocals; voice; woodwind
        """,
    "sound": """
        bright; dense; dissonant; experimental; fast; heavy; high register; legato; loud; low register; major;
        minimal; minor; noise; slow; sparse; staccato; triple metre
        """,
}
_CATEGORY_OF = {
    label: category for category, words in _MEMBERS.items() for label in (" ".join(w.split()) for w in words.split(";"))
}


def category(label: str) -> str:
    """Return the category of a label, whatever its case; 'other' for an unknown label."""
    name = " ".join(label.casefold().split())
    if _ERA.fullmatch(name):
        return "era"
    return _CATEGORY_OF.get(name, "other")
