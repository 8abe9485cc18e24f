"""From readings to a balance and a verdict."""
