"""The E Health Book: finding the patient, the embedded store, and the panel beside the video."""
