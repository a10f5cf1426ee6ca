# SPDX-License-Identifier: BSD-3-Clause
# For scripts of the groups sim and model: TAP, and the command lines of the simulator in $build.
count=0 failed=0

ok() { # NAME STATUS
	count=$((count + 1))
	if [ "$2" = 0 ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		failed=1
	fi
}

is() { # NAME EXPECTED FOUND
	[ "$2" = "$3" ] || printf '# expected: %s\n# found:    %s\n' "${2//$'\n'/ | }" "${3//$'\n'/ | }"
	[ "$2" = "$3" ]
	ok "$1" $?
}

skip() { # NAME REASON
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

finish() {
	echo "1..$count"
	exit "$failed"
}
