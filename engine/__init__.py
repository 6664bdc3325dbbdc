"""Graph + kernels -> a prepared Program that runs. Knows no command line."""
