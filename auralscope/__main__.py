"""`python -m auralscope` is the command `auralscope`."""

import sys

from auralscope.cli import main

sys.exit(main())
