"""The agent as a service: samples turn after turn, the network watched, everything kept and delivered."""
