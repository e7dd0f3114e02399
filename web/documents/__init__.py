"""Documents for paper: PDF/A made from what was signed."""
