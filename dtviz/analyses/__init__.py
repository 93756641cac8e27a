"""What dtviz computes: pure functions on arrays, and Param objects that hold their options."""
