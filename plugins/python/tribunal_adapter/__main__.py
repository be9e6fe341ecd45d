"""`python3 -m tribunal_adapter brevity.py`."""

import sys

from tribunal_adapter.serving import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
