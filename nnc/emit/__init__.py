"""The emission floor: a schedule as the text of a Python module."""
