"""Run the steps of trials: in this process, in worker processes, or on Ray."""
