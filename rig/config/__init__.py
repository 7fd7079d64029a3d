"""YAML under configs/ to model; unknown keys are refused with file, line and the keys allowed."""
