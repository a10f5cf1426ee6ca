# SPDX-License-Identifier: BSD-3-Clause
# For scripts that print "ok NAME" or "not ok NAME - WHY" lines, and exit with $failed, which they begin with 0.

# WHY is empty when all is well. $of: what all names begin with; $log: a file whose end is shown when all is not well.
verdict() # NAME WHY
{
	if [ -z "$2" ]; then
		echo "ok ${of:+$of: }$1"
		return
	fi
	echo "not ok ${of:+$of: }$1 - ${2//$'\n'/; }"
	[ -z "${log:-}" ] || tail -n 12 "$log" | sed 's/^/# /'
	failed=1
}
