"""What one version of a model does that the other did not, case by case."""
