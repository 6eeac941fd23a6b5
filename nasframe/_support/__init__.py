"""Human-readable text, and facts about this machine."""
