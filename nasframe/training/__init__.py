"""The training of one network: evaluator, Lightning module, optimizers and schedules."""
