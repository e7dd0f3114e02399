"""Demonstration data in Vietnamese: invented people and facilities, real provinces, coherent E Health Books.

Plain data only. Dates are relative to the `today` that the caller gives, and the same `today` gives the same data.
"""

from hoichan.demo.citizens import citizens, stories, vital_signs_of
from hoichan.demo.consults import past_consults
from hoichan.demo.content import (
    DemoAppointment,
    DemoCitizen,
    DemoFacility,
    DemoLink,
    DemoPastConsult,
    DemoShift,
    DemoSlot,
    DemoSpecialty,
    DemoStaff,
    DemoStory,
    FhirResource,
    VitalSigns,
)
from hoichan.demo.facilities import facilities, links
from hoichan.demo.provinces import COMMUNES, PROVINCES, DemoCommune
from hoichan.demo.rota import appointments, shifts, slots
from hoichan.demo.specialties import specialties
from hoichan.demo.staff import staff

__all__ = [
    "COMMUNES",
    "PROVINCES",
    "DemoAppointment",
    "DemoCitizen",
    "DemoCommune",
    "DemoFacility",
    "DemoLink",
    "DemoPastConsult",
    "DemoShift",
    "DemoSlot",
    "DemoSpecialty",
    "DemoStaff",
    "DemoStory",
    "FhirResource",
    "VitalSigns",
    "appointments",
    "citizens",
    "facilities",
    "links",
    "past_consults",
    "shifts",
    "slots",
    "specialties",
    "staff",
    "stories",
    "vital_signs_of",
]
