"""`python -m auralscope` is the command `auralscope`."""

import sys

from auralscope.cli.main import main

sys.exit(main())
