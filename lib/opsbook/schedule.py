"""The lines with which a scheduler runs the hourly check."""
