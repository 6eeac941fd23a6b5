"""The page of a study: one HTML file with charts, drawings and all trials."""
