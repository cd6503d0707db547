"""The report: one symbol's runs as one HTML file that needs nothing else, and as pictures."""
