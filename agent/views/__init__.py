"""What people look at: pure functions from facts and diagnosis to text."""
