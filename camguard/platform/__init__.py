"""One folder or file for each operating system; each implements the same ports."""
