"""The live pages of `cloudpath ui`: all targets, one target over time, what changed, one sample."""
