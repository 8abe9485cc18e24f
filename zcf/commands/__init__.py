"""The commands of `zcf`: each parses its words and prints; what is heavy is imported when it runs."""
