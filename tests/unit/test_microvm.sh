#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The launcher isolat-microvm from outside: the program's status, what must make a run fail, bad input, and that nothing
# is left running. Usage: test_microvm.sh ISOLAT (isolat-microvm is beside it)
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

build=$(realpath -- "$(dirname -- "${1:?usage: test_microvm.sh ISOLAT}")") || exit 2
export ISOLAT_KERNELS=${ISOLAT_KERNELS:-$build/kernels}
microvm=$build/isolat-microvm
kernel=6.12
busybox=$(command -v busybox) || { echo "not ok busybox - not installed"; exit 1; }
module=$build/tests/vm/modules/$kernel/misbehave.ko
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

# Runs the launcher; its exit code in $code.
run()
{
	timeout -k 1 50 "$microvm" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

# A VM that runs busybox; once more where it did not even boot, for QEMU 7.2's emulation hangs at times.
vm() # OPTION... -- APPLET ARGUMENT...
{
	for _ in 1 2 3; do
		run --kernel "$kernel" --vcpus 1 --accel tcg --timeout 10 --file "$busybox=/bin/busybox" \
			--file "$module=/misbehave.ko" "$@"
		# "no end" is also what a hang after boot ends with: only that one says what the program had printed.
		[ "$code" != 0 ] && grep -q 'no \(boot\|end\) ' "$scratch/err" && ! grep -q started "$scratch/out" || break
	done
}

sh=(/bin/busybox sh -c)

# The processes that a launcher of this test started, or left behind: they have its environment.
export ISOLAT_TEST_MARK=$scratch
children()
{
	local pid
	for pid in $(grep -lsz -- "^ISOLAT_TEST_MARK=$scratch" /proc/[0-9]*/environ | tr -dc '0-9\n'); do
		grep -qs -e qemu -e virtiofsd "/proc/$pid/comm" && echo "$pid"
	done
}

nothing_left() # NAME
{
	local left
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		left=$(children | wc -l)
		[ "$left" = 0 ] && break
		sleep 0.2
	done
	verdict "nothing is left running after $1" "$([ "$left" = 0 ] || echo "$left processes")"
}

# The last run must have failed with 1, and one line of it must hold TEXT.
failed_with() # NAME TEXT
{
	local why=
	[ "$code" = 1 ] || why+="exit code $code, not 1; "
	[ "$(grep -cF -- "$2" "$scratch/err")" = 1 ] || why+="not one line with \"$2\": $(tr '\n' '|' <"$scratch/err")"
	verdict "$1" "$why"
}

bad_input() # NAME TEXT ARGUMENT...
{
	local name=$1 text=$2 why=
	shift 2
	run "$@"
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ -s "$scratch/out" ] && why+="something on stdout; "
	[ "$(wc -l <"$scratch/err")" = 1 ] || why+="$(wc -l <"$scratch/err") lines on stderr, not 1; "
	grep -qF -- "$text" "$scratch/err" || why+="no \"$text\" in: $(cat "$scratch/err")"
	verdict "bad input: $name" "$why"
}

# A VM whose kernel says that a thread died, and whose program says nothing more. Beside the others, for it takes a while.
stuck()
{
	for _ in 1 2 3; do
		"$microvm" --kernel "$kernel" --accel tcg --timeout 45 --retry --file "$busybox=/bin/busybox" -- \
			"${sh[@]}" 'echo "<2>Oops: 0000 [#1]" >/dev/kmsg; echo started; sleep 60' >"$scratch/stuck" 2>&1
		grep -q started "$scratch/stuck" && return
	done
}
ISOLAT_TEST_MARK=none stuck &
stuck=$!

bad_input "no such kernel" 6.99 --kernel 6.99 -- /bin/true
bad_input "unknown option" --nonsense --nonsense -- /bin/true
bad_input "missing argument" --kernel --kernel
bad_input "missing file" /nonexistent --kernel $kernel --accel tcg --file /nonexistent -- /bin/true
bad_input "missing module" nonexistent --kernel $kernel --accel tcg --module nonexistent -- /bin/true
bad_input "0 vCPUs" vcpus --vcpus 0 -- /bin/true
bad_input "vCPUs that are no number" vcpus --vcpus two -- /bin/true
bad_input "vCPUs that do not divide" "3 vCPUs" --kernel $kernel --vcpus 3 --sockets 2 -- /bin/true
bad_input "no program" program --kernel $kernel
nothing_left "bad input"

vm --console "$scratch/console" --leak-scan -- "${sh[@]}" 'echo started; exit 7'
why=
[ "$code" = 7 ] || why="exit code $code, not 7: $(tr '\n' '|' <"$scratch/err")"
[ "$(cat "$scratch/out")" = started ] || why+=" printed: $(cat "$scratch/out")"
verdict "the program's output and status are passed on" "$why"
nothing_left "success"

vm -- "${sh[@]}" 'echo started; busybox insmod /misbehave.ko how=warn; sleep 5'
failed_with "a warning of the kernel fails the run" WARNING:
vm -- "${sh[@]}" 'echo started; echo c > /proc/sysrq-trigger; sleep 5'
failed_with "a panic fails the run" "sysrq triggered crash"
vm --leak-scan -- "${sh[@]}" 'echo started; busybox insmod /misbehave.ko how=leak && busybox rmmod misbehave'
failed_with "a leak fails the run" "new: /sys/kernel/debug/misbehave"
vm --timeout 6 -- "${sh[@]}" 'echo started; busybox insmod /misbehave.ko how=spin'
failed_with "a hang ends at --timeout" "no end within 6 s"
run --kernel "$kernel" --vcpus 1 --accel tcg --timeout 10 --retry --append rdinit=/none -- /none
why=
[ "$code $(grep -c '^isolat-microvm: retried: ' "$scratch/err")" = "1 2" ] || why="exit code $code: $(cat "$scratch/err")"
verdict "an emulated VM that dies before it has booted is tried three times" "$why"
nothing_left "failures"

# kill -9 of the launcher: QEMU, and virtiofsd where it may be used, go with it.
host=() want=1
[ "$(id -u)" = 0 ] && host=(--host) want=2
"$microvm" --kernel $kernel --accel tcg --timeout 30 "${host[@]}" -- "$busybox" sleep 20 >"$scratch/out" 2>&1 &
launcher=$!
for _ in $(seq 50); do
	[ "$(children | wc -l)" -ge $want ] && break
	sleep 0.1
done
started=$(children | wc -l)
kill -9 $launcher
wait $launcher 2>/dev/null
verdict "kill -9 of the launcher finds it at work" "$([ "$started" -ge $want ] || echo "$started children, not $want")"
nothing_left "kill -9"
wait $stuck
verdict "a VM that is stuck is not waited for" "$(grep -q 'stuck for 20 s: Oops: 0000' "$scratch/stuck" || cat "$scratch/stuck")"
verdict "nor tried again" "$(grep retried "$scratch/stuck")"

exit $failed
