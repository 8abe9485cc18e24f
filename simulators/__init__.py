"""A factory that tells the truth about itself."""
