"""Rules read facts: catalogue, evidence and rules, joined by the engine."""
