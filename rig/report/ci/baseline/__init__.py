"""What a bench measured before, with its noise, and whether what it measures now is something else."""
