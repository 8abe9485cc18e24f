"""One command over everything: the zero-carbon factory monitor."""
