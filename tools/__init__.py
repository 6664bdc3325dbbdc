"""The programs people run, built on the public API."""
