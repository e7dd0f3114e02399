"""Sentences that the browser's scripts say, by group. `{places}` are filled in by the script."""

from __future__ import annotations

from foundation.i18n import N_

WORDS: dict[str, dict[str, str]] = {
    "common": {
        "offline": N_("The connection is lost. Reconnecting by itself."),
        "close": N_("Close"),
        "me": N_("Me"),
        "urgency_emergency": N_("Emergency"),
        "urgency_urgent": N_("Urgent"),
        "urgency_routine": N_("Routine"),
        "sex_male": N_("Male"),
        "sex_female": N_("Female"),
        "sex_other": N_("Other sex"),
        "age": N_("{age} years old"),
        "patient_unknown": N_("Patient not identified yet"),
        "called": N_("{name} called at {time}"),
        "no_question": N_("The question follows while it rings."),
        "also_ringing": N_("Also ringing: {names}. Whoever accepts first has the case."),
        "only_you": N_("It rings for you alone."),
        "name_after": N_("The patient's name shows after you accept."),
        "ringing_for": N_("{seconds} s"),
        "next_at": N_("If no one accepts, more people are rung at {time}."),
        "accept_enter": N_("Accept and enter the room"),
        "accept": N_("Accept the case"),
        "decline": N_("Decline, choose a reason"),
        "decline_in_procedure": N_("In a procedure"),
        "decline_in_consult": N_("In another consult"),
        "decline_out_of_scope": N_("Outside my field"),
        "decline_other": N_("Another reason"),
        "taken": N_("{name} took this case at {time}"),
        "withdrawn": N_("The request was withdrawn at {time}"),
        "invited": N_("{name} asks you into a consult room"),
        "enter_room": N_("Enter the room"),
    },
    "media": {
        "camera_denied": N_(
            "The browser has not been allowed to use the camera and microphone. "
            "Allow them beside the address, then load the page again."
        ),
        "camera_missing": N_("No camera or microphone can be used. Check the plug, or close the program that uses it."),
        "tile_connecting": N_("Waiting for the picture"),
        "tile_camera_off": N_("Camera is off"),
        "tile_reconnecting": N_("Connection lost, reconnecting"),
        "tile_gone": N_("Left the room"),
        "tile_muted": N_("Muted"),
    },
    "room": {
        "alone": N_("The other side is not in the room yet. You can wait here."),
        "people": N_("{count} in the room"),
        "line_good": N_("Line is good"),
        "line_weak_short": N_("Line is weak"),
        "line_cut_short": N_("Line is cut"),
        "line_weak": N_("Your side: the line is weak, the picture may stand still"),
        "line_lost": N_("Neither picture nor sound arrives now. The room stays open."),
        "line_cut": N_("Connection lost for {seconds} s, reconnecting. The other side is still here"),
        "not_sent": N_("Not sent yet. It will go when the line is back."),
        "taken_over": N_("You opened this room in another tab. This one is out of it."),
        "come_back": N_("Come back here"),
        "audio_off": N_("Mute"),
        "audio_on": N_("Unmute"),
        "video_off": N_("Stop camera"),
        "video_on": N_("Start camera"),
        "saving": N_("Saving…"),
        "saved": N_("Saved at {time}"),
        "not_saved": N_("Not saved yet. Trying again."),
    },
}
