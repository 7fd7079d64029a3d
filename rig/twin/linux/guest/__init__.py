"""Files of the guest as they are in it, below `root/`: its boot, its console, the experimenter's hidden hand."""
