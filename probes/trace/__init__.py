"""The trace engine: what to send next, what a reply answers, what the replies add up to."""
