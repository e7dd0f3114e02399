"""The program: command line, wiring, demo data. Knows everything, known by none."""
