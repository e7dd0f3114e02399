"""The eight clinical stories: one module each, with the citizen's book and what the clinic asks."""
