"""Text for people, and facts about this machine."""
