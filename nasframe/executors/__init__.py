"""Run the steps of trials: in this process, in worker processes, on Ray."""
