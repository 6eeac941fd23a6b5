"""The report page: one HTML file with charts, drawings and all trials."""
