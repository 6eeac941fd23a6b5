"""Where the curves of studies and trainings are written."""
