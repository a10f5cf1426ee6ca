#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_model.sh BUILD: the models of the exitless timer's protocol, by spin, exhaustively. Then each rule of the protocol
# is left out once: the model that does not notice is the one that fails.
set -u
build=$(realpath "$1")
models=$(realpath "$(dirname "$0")")
. "$models/../tap.bash" || exit 2
work=$build/tests/model
mkdir -p "$work" && cp "$models"/*.pml "$work" && cd "$work" || exit 1 # spin wants a trail beside its model

if ! command -v spin > /dev/null; then
	skip 'the exitless timer, by spin' 'spin is not installed'
	finish
fi

# verify MODEL PAN-FLAGS OPTIMIZE DEFINES...: all of its states; pan.out is what the verifier said. A model with NP in
# its flags is also shown to come to rest always: it has no progress label, so any cycle is one without progress.
verify() {
	local model=$1 pan=$2 optimize=$3
	shift 3
	rm -f ./*.trail pan pan.out
	local run=(./pan -m200000 -w23 -E)
	if ! { spin -a "$@" "$model.pml" && gcc "$optimize" "$pan" -DMEMLIM=2000 -w -o pan pan.c; } > spin.out 2>&1; then
		sed 's/^/# /' spin.out
		return
	fi
	[ "$pan" != -DNP ] || run+=(-l)
	timeout 200 "${run[@]}" > pan.out 2>&1
}

# The property that the verifier saw fail: an assertion's comment, or "rest"; else nothing.
failed_property() {
	local line
	if grep -q 'non-progress cycle (at' pan.out; then
		echo rest
	elif grep -q 'assertion violated' pan.out; then
		line=$(spin -t "$@" | sed -n 's/.*\.pml:\([0-9]*\), Error: assertion violated.*/\1/p')
		sed -n "${line:-1}s,.*/\* *\([a-z ]*\) *\*/\$,\1,p" "${@: -1}" | sed 's/ *$//'
	fi
}

# holds NAME MODEL PAN-FLAGS DEFINES...
holds() {
	local name=$1 model=$2 pan=$3 begun=$SECONDS
	shift 3
	verify "$model" "$pan" -O2 "$@"
	# All of it, not until memory, time or depth ended.
	grep -q 'errors: 0' pan.out && ! grep -qE 'out of memory|max search depth too small|Search not completed' pan.out
	local status=$?
	echo "# $(sed -n 's/ *\([0-9]*\) states, stored.*/\1/p' pan.out) states, $((SECONDS - begun)) s"
	if [ "$status" != 0 ]; then
		echo "# $(failed_property "$@" "$model.pml"): spin -t -p $* $model.pml in $work shows it"
		tail -n 30 pan.out | sed 's/^/# /'
	fi
	ok "$name" "$status"
}

# breaks PROPERTY WHAT MODEL DEFINES...: without that rule, that property fails.
breaks() {
	local property=$1 what=$2 model=$3 pan=-DSAFETY
	shift 3
	[ "$property" != rest ] || pan=-DNP
	verify "$model" "$pan" -O0 "$@"
	is "$what: $property" "$property" "$(failed_property "$@" "$model.pml")"
}

holds 'armed, armed anew, cancelled, fired, parked' exitless -DNP -DARMS=3
holds 'a question for the time, and parking' exitless -DNP -DASK -DARMS=1
holds 'a scanner dies or stalls once' exitless -DNP -DFAULTS=1 -DARMS=1 -DTMAX=1
holds 'and the timer is armed anew' exitless -DSAFETY -DFAULTS=1 -DARMS=2 -DTMAX=1
holds 'scanners die or stall twice' exitless -DSAFETY -DFAULTS=2 -DRESTARTS=2 -DARMS=1 -DTMAX=1 -DPARK=0
holds 'the daemon or its scanner dies or stalls, and a vCPU watches' exitless -DNP -DFAULTS=1 -DWATCH -DARMS=1 -DTMAX=1 -DPARK=0
holds 'and while parked' exitless -DSAFETY -DFAULTS=1 -DWATCH -DARMS=1 -DTMAX=1
holds 'the daemon and its scanner' exitless -DSAFETY -DFAULTS=2 -DRESTARTS=0 -DWATCH -DARMS=1 -DTMAX=1 -DPARK=0
holds 'clocks, maps, a jump' exitless_clock -DSAFETY
holds 'and another vCPU voids the map at any moment' exitless_clock -DSAFETY -DOTHER_VOIDS
holds 'a 1.0 guest, a 1.1 agent' exitless -DNP -DGUEST_MINOR=0 -DFAULTS=1 -DARMS=1
holds 'a 1.1 guest, a 1.0 agent' exitless -DNP -DPARK=0 -DFAULTS=1 -DARMS=1

breaks lost 'the guest arms without the barrier' exitless -DNO_FENCE
breaks lost 'the agent parks without the barrier' exitless -DNO_AGENT_FENCE
breaks lost 'the agent parks without a last pass' exitless -DNO_LAST_PASS
breaks lost 'the agent takes the doorbell after its last pass' exitless -DBELL_LATE
breaks lost 'the agent parks a 1.0 guest' exitless -DPARK_OLD -DGUEST_MINOR=0
breaks unanswered 'the guest asks without the barrier' exitless -DASK -DARMS=0 -DNO_ASK_FENCE
breaks unanswered 'the last pass leaves questions out' exitless -DASK -DARMS=0 -DNO_ASK_PASS
breaks rest 'the agent parks again and again before it answers' exitless -DASK -DARMS=0 -DPARK_BUSY
breaks early 'the agent disarms by a store' exitless -DNO_CMPXCHG
breaks lost 'the agent disarms and does not signal' exitless -DNO_SIGNAL
breaks double 'the guest takes any disarmed slot for a consumed arming' exitless -DNAIVE_IRQ
breaks lost 'no kick at death' exitless -DNO_KICK -DFAULTS=1
breaks lost 'the kick comes before the mark' exitless -DKICK_FIRST -DFAULTS=1
breaks lost 'no mark once the old scanner has ended' exitless -DMARK_ONCE -DFAULTS=1
breaks stuck 'the next scanner begins before the old one has ended' exitless -DNO_REAP -DFAULTS=1 -DPARK=0 -DARMS=1
breaks stuck 'no kick at a takeover' exitless -DNO_TAKEOVER_KICK -DFAULTS=1
breaks stuck 'the kick of a takeover comes before its state' exitless -DKICK_EARLY -DFAULTS=1
breaks stuck 'an agent that was given up and beats again is not trusted again' exitless -DNO_SECOND_TRUST -DFAULTS=1 -DWATCH -DPARK=0 -DARMS=1

breaks early 'the map is not read by its sequence number' exitless_clock -DTORN
breaks early 'nor is one that another vCPU voids meanwhile' exitless_clock -DTORN -DOTHER_VOIDS
breaks early 'the map takes the later of two readings' exitless_clock -DUPPER_BOUND
breaks early 'the agent reads its clock before it sees the question' exitless_clock -DEARLY_TSC
breaks early 'the agent answers before it looks at the map' exitless_clock -DMAP_LAST
breaks early 'the map is not void as the clock jumps' exitless_clock -DNO_VOID
breaks early 'a map after a jump without a question' exitless_clock -DNO_QUESTION

finish
