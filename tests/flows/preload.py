"""Everything a command imports, for the process that commands are forked from."""

import flows.cli.release
import flows.cli.run
import flows.produce
import flows.release  # noqa: F401
