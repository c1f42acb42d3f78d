"""What would stop the agent here, and what to do about it: facts in, findings out."""
