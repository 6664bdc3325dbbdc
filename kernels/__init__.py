"""What each operator computes: prepare, evaluate and lower. Knows no bytes of a file and no interpreter."""
