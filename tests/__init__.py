"""The tests, in folders that mirror the project's own: tests/<folder>/test_<file>.py."""
