"""What the tests share: the reference computation and the comparison with it."""
