"""The parts of the judge; like it, they use nothing of analytics."""
