"""Doubles of what the product talks to; they share no code with it."""
