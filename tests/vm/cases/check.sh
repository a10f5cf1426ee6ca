# SPDX-License-Identifier: BSD-3-Clause
# For the scripts that run in host VMs: each failed check is a line, and $failed is the exit status.
# shellcheck shell=sh
failed=0

check() { # TITLE EXPECTED FOUND
	if [ "$2" = "$3" ]; then
		echo "fine: $1: $3"
	else
		echo "WRONG: $1: '$3', not '$2'"
		failed=1
	fi
}
