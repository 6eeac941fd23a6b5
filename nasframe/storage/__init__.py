"""Files on disk: logs, locks, atomic writes, weights and the evaluation cache."""
