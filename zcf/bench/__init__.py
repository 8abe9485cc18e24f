"""Measurements beside what else there is; never part of a test that could fail on a slow machine."""
