"""What `rig init` finds of a bench, and the bench file it makes of that."""
