"""Opsbook: exports from AI vendors in, baselines, incidents with deadlines and reviews out."""

import sys

__version__ = "0.1.0"

# jsonschema imports it if it can, which takes over a second in every process; nothing needs it.
sys.modules.setdefault("rfc3987_syntax", None)
