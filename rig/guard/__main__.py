"""`python -m rig.guard FD LOG_DIR`: started by the client, never by hand."""

import sys
from pathlib import Path

from rig.guard.process import main

sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
