#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh [unit|model|fuzz|sim|vm|NAME]: every test program, counted. Each speaks TAP: "ok N - NAME", "not ok N - NAME", with
# "# SKIP REASON" behind a skipped one. Ends in "N passed, N failed, N skipped", and in failure if anything failed, if
# a program died, or if nothing ran at all.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${ISOLAT_BUILD:-build}
what=${1:-}
results=$(mktemp)
all=$results
beside=
trap '[ -z "$beside" ] || kill "$beside"; rm -f "$all" "$all.one" "$all.status" "$all.beside" "$all.beside.one" "$all.beside.status" "$all.shown"' EXIT

# run TITLE COMMAND...: shows the output and keeps its TAP lines. What fails, dies or runs other than the tests that it
# planned without saying "not ok" counts as a failure.
run() {
	title=$1
	shift
	echo "== $title"
	rm -f "$results.status"
	{ "$@" 2>&1; echo $? > "$results.status"; echo; } |
		sed -u "s,^\(ok\|not ok\) ,&$title: ," | tee "$results.one"
	cat "$results.one" >> "$results"
	ran=$(grep -cE "^(not )?ok $title: " "$results.one")
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$results.one" | tail -n 1)
	grep -q "^not ok $title: " "$results.one" && return
	if [ "$(cat "$results.status")" != 0 ]; then
		lost "ended with status $(cat "$results.status")"
	elif [ "$ran" = 0 ] && [ "${planned:-1}" != 0 ]; then
		lost "ran no test"
	elif [ "${planned:-$ran}" != "$ran" ]; then
		lost "ran $ran tests of $planned"
	fi
}

lost() {
	echo "not ok $title: $1" | tee -a "$results"
}

wanted() { # GROUP NAME
	case $what in
	''|"$1"|"$2") return 0 ;;
	esac
	return 1
}

unit_tests() {
	for test in tests/unit/test_*.c; do
		name=$(basename "$test" .c)
		wanted unit "$name" && run "$name" env CMOCKA_MESSAGE_OUTPUT=TAP "$build/tests/unit/$name"
	done
	for test in tests/unit/test_*.sh; do
		name=$(basename "$test" .sh)
		wanted unit "$name" && run "$name" "$test" "$build/isolat"
	done
}

model_tests() {
	for test in tests/model/test_*.sh; do
		name=$(basename "$test" .sh)
		wanted model "$name" && run "$name" "$test" "$build"
	done
}

# Long enough to see that each fuzzer runs, and its seeds with it; `make fuzz` gives them a minute.
fuzz_tests() {
	wanted fuzz test_fuzz && run test_fuzz tests/fuzz/run.sh "$build" 4 $FUZZ_TARGETS
}

sim_tests() {
	for test in tests/sim/test_*.sh; do
		name=$(basename "$test" .sh)
		wanted sim "$name" && run "$name" "$test" "$build"
	done
}

# The simulator's tests run beside the others, and are shown behind them.
results=$all.beside
: > "$results"
sim_tests > "$all.shown" 2>&1 &
beside=$!
results=$all
unit_tests
model_tests
fuzz_tests
wait "$beside"
beside=
cat "$all.shown"
cat "$all.beside" >> "$results"

case $what in
unit|model|fuzz|sim|test_*) ;;
*)	run vm "$build/tests/vm/run" tests/vm/matrix "$what" ;;
esac

passed=$(grep '^ok ' "$results" | grep -vc '# SKIP')
failed=$(grep -c '^not ok ' "$results")
skipped=$(grep '^ok ' "$results" | grep -c '# SKIP')
retried=$(grep -cE '^# (isolat-microvm: )?retried: ' "$results")
echo
# Each failure once more, with what its test printed, but for what was fine: the end of a log may be all one has.
awk '
	/^ok |^== / { said = ""; next }
	/^not ok /  { printf "%s%s\n", said, $0; said = ""; next }
	!/^# fine: /  { said = said $0 "\n" }
' "$results"
grep '^ok .*# SKIP' "$results"
[ "$retried" = 0 ] || echo "$retried time(s) a VM gave no answer and was started once more"
if [ $((passed + failed + skipped)) = 0 ]; then
	echo "no test is called '$what'"
	failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
