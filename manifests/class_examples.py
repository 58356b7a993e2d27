"""Examples of the 32 classes, in our own words: for each two that count, and one that looks alike and doesn't.

Written for annotators, of people who sit at a table and answer questions.
"""

from __future__ import annotations

__all__ = ["EXAMPLES", "UNLIKE"]

EXAMPLES: dict[str, tuple[str, str]] = {
    "turtle_neck": (
        "At a hard question the shoulders go up and the chin sinks between them for a moment.",
        "The neck shortens while the person smiles in embarrassment.",
    ),
    "bulging_face": (
        "Cheeks are blown up and the air is let out before the answer begins.",
        "The chest rises with one deep breath, and the mouth opens to let it go.",
    ),
    "touching_hat": (
        "Two fingers pull the peak of a cap down.",
        "A headband is pushed back into place.",
    ),
    "touching_head": (
        "The fingertips scratch the crown.",
        "The flat hand lies on top of the head while the person thinks.",
    ),
    "touching_forehead": (
        "A finger rubs along the brow, just above the eyebrows.",
        "The back of the hand wipes the forehead.",
    ),
    "covering_face": (
        "Both palms lie over eyes, nose and mouth.",
        "One hand is spread before the face, so that hardly more than the eyes can be seen.",
    ),
    "rubbing_eyes": (
        "Thumb and forefinger press on the closed lids.",
        "A knuckle rubs the corner of an eye.",
    ),
    "touching_face": (
        "A fingertip scratches the side of the nose.",
        "The hand lies against the cheek while the person listens.",
    ),
    "touching_ears": (
        "Two fingers pull at the lobe.",
        "A finger scratches behind the ear, or goes into it.",
    ),
    "biting_nails": (
        "The nail of the thumb is between the front teeth.",
        "A fingertip rests between the lips and moves there.",
    ),
    "touching_jaw": (
        "Thumb and forefinger stroke the chin, as if there were a beard.",
        "The chin rests on the fist.",
    ),
    "touching_neck": (
        "The palm rubs the back of the neck.",
        "Fingers scratch the side of the neck, below the ear.",
    ),
    "playing_hair": (
        "A strand is put back behind the ear.",
        "A finger winds the end of the ponytail round and round.",
    ),
    "adjusting_collar": (
        "A finger goes inside the collar and pulls it away from the throat.",
        "The zip of a training jacket is pulled up and down.",
    ),
    "touching_suprasternal_notch": (
        "The fingertips lie in the hollow between the collarbones.",
        "The palm covers the base of the throat after bad news.",
    ),
    "scratching_back": (
        "An arm reaches over the shoulder, and the fingers scratch the shoulder blade.",
        "A hand goes behind the waist and moves up and down there.",
    ),
    "folding_arms": (
        "Each hand disappears under the other arm.",
        "The forearms lie crossed on the chest while a question is asked.",
    ),
    "dusting_clothes": (
        "The hand brushes twice over the sleeve.",
        "Two fingers pick a thread off the shirt.",
    ),
    "arms_behind_body": (
        "Both hands go behind the back of the chair.",
        "One arm is taken behind the back and stays there.",
    ),
    "moving_torso": (
        "The person sways from side to side on a swivel chair.",
        "The weight is shifted from one side of the seat to the other.",
    ),
    "sitting_straight": (
        "Out of a slump the back stretches, and the shoulders go back.",
        "When the name is called the person sits up.",
    ),
    "touching_arms": (
        "The right hand rubs the left upper arm.",
        "Fingers scratch the inside of the other elbow.",
    ),
    "rubbing_hands": (
        "One palm is rubbed over the other.",
        "The right hand holds the left fist, on the table.",
    ),
    "crossing_fingers": (
        "The hands lie on the table with their fingers between each other.",
        "Interlaced fingers are bent to and fro.",
    ),
    "minaret_gesture": (
        "Fingertips meet before the chest, and the palms stay apart.",
        "The steeple of both hands stands before the mouth.",
    ),
    "manipulating_objects": (
        "The cap of a bottle is screwed on and off.",
        "A pen is turned between the fingers.",
    ),
    "hold_back_arms": (
        "One hand closes round the other wrist and keeps it on the table.",
        "A hand holds the other arm above the elbow, which hangs down.",
    ),
    "head_up": (
        "The chin goes up and stays so while the question is translated.",
        "The head leans back, and the eyes look at the ceiling.",
    ),
    "pressing_lips": (
        "The lips become a thin line before the answer.",
        "Both lips are drawn in between the teeth.",
    ),
    "arms_akimbo": (
        "A hand rests on the hip, and the elbow points outwards.",
        "Standing, both fists are put on the waist.",
    ),
    "shaking_shoulders": (
        "Both shoulders jump once: “who knows”.",
        "One shoulder twitches up and falls.",
    ),
    "illustrative": (
        "The open hand goes up and down with the stressed words.",
        "Two hands show how wide the court felt.",
    ),
}

UNLIKE: dict[str, str] = {
    "turtle_neck": "Shoulders that jump up and fall at once: shaking shoulders.",
    "bulging_face": "Breath that is only taken to begin a sentence.",
    "touching_hat": "A hand that goes under the cap, to the scalp: touching head.",
    "touching_head": "Fingers that comb or put back hair: playing with hair.",
    "touching_forehead": "A hand over eyes and nose as well: covering face.",
    "covering_face": "A hand at cheek or mouth that leaves the face in view: touching face.",
    "rubbing_eyes": "Glasses that are put right: manipulating objects.",
    "touching_face": "A hand at chin or jawbone: touching jaw.",
    "touching_ears": "Hair that is put behind the ear: playing with hair.",
    "biting_nails": "A fist before the mouth while coughing: touching face.",
    "touching_jaw": "Fingers below the jawbone, on the throat: touching neck.",
    "touching_neck": "The hollow between the collarbones: touching the suprasternal notch.",
    "playing_hair": "Nails that scratch the scalp: touching head.",
    "adjusting_collar": "A hand that lies on the throat without the cloth: touching the suprasternal notch.",
    "touching_suprasternal_notch": "Fingers at the side of the neck: touching neck.",
    "scratching_back": "Hands that rest behind the back: arms behind body.",
    "folding_arms": "One arm across, its hand at the other elbow: hold back arms.",
    "dusting_clothes": "A hand that rests on the sleeve: touching arms.",
    "arms_behind_body": "Fingers that scratch there: scratching back.",
    "moving_torso": "A trunk that leans forward to reach the microphone.",
    "sitting_straight": "A trunk that shifts sideways: moving torso.",
    "touching_arms": "A grip that keeps the other arm still: hold back arms.",
    "rubbing_hands": "Fingers between each other: crossing fingers.",
    "crossing_fingers": "A hand that clasps the other, fingers side by side: rubbing hands.",
    "minaret_gesture": "Palms that touch as well: rubbing hands.",
    "manipulating_objects": "A bottle that is drunk from.",
    "hold_back_arms": "A hand that rubs or scratches the other arm: touching arms.",
    "head_up": "A nod that goes up and comes down again.",
    "pressing_lips": "Lips that meet while speaking, as in “m” and “p”.",
    "arms_akimbo": "A hand in the pocket.",
    "shaking_shoulders": "Shoulders that go up and stay, the head between them: turtle neck.",
    "illustrative": "Hands that touch the body or each other while speaking: the class of that touch.",
}
