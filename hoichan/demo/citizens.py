"""All eighty citizens and the eight stories among them."""

from datetime import date, datetime

from hoichan.demo.bedside import vital_sign_parts
from hoichan.demo.content import DEMO_TAG, DemoCitizen, DemoStory, FhirResource
from hoichan.demo.facilities import facilities
from hoichan.demo.neighbours import neighbours
from hoichan.demo.population import population
from hoichan.demo.resources import SOURCE_PREFIX, standard
from hoichan.demo.stories import (
    after_surgery,
    burn,
    chest_pain,
    diabetic_foot,
    febrile_child,
    pre_eclampsia,
    snake_bite,
    stroke,
)

_STORIES = (stroke, pre_eclampsia, chest_pain, febrile_child, burn, diabetic_foot, snake_bite, after_surgery)


def citizens(today: date) -> tuple[DemoCitizen, ...]:
    """Eighty citizens in the order of their keys; all dates lie before `today`, but for due and expiry dates."""
    told = [module.citizen(today) for module in _STORIES]
    return (*told, *neighbours(today), *population(today))


def stories() -> tuple[DemoStory, ...]:
    """The eight stories; the citizen of number n has the key `bn-00n`."""
    return tuple(module.story() for module in _STORIES)


def vital_signs_of(story: DemoStory, birth_date: date, at: datetime) -> list[FhirResource]:
    """The vital signs that the clinic takes when it asks, as FHIR R4 Observations dated `at` (aware).

    They are apart from the book since they belong to the moment of the demonstration, not to a day before it.
    """
    names = {facility.code: facility.name for facility in facilities()}
    age = at.year - birth_date.year - ((at.month, at.day) < (birth_date.month, birth_date.day))
    return [
        {
            "resourceType": "Observation",
            "id": f"{story.citizen_key}-now-{number}",
            "meta": {"source": SOURCE_PREFIX + story.clinic_code, "tag": [dict(DEMO_TAG)]},
            "status": "final",
            "category": [standard("observation-category", "vital-signs")],
            "subject": {"reference": f"Patient/{story.citizen_key}"},
            "effectiveDateTime": at.isoformat(timespec="seconds"),
            "issued": at.isoformat(timespec="seconds"),
            "performer": [{"display": names[story.clinic_code]}],
            **parts,
        }
        for number, parts in enumerate(vital_sign_parts(story.vital_signs, age), start=1)
    ]
