"""Opsbook: exports from AI vendors in, baselines, incidents with deadlines and reviews out."""

__version__ = "0.1.0"
