"""From the bus to the store: the edge daemon."""
