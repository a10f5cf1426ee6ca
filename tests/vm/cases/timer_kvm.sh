#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# timer_kvm.sh BUILD KERNEL KERNELS: in a host VM with nested KVM, the way that the exitless timer takes on a host:
# exitless-timerd's eventfd, KVM's irqfd, the guest's MSI. `isolat bench timer` as it is, judged by counts: the exits of
# the vCPU by KVM's tracepoint, and what guest and agent say that they fired.
set -u
build=$1 kernel=$2 report=$(mktemp)
export ISOLAT_KERNELS="$3" ISOLAT_BUILD="$1" ISOLAT_IN_LAB=1
timers=200
. "$(dirname "$0")/check.sh" || exit 2

timeout 270 "$build/isolat" bench timer --kernel "$kernel" --agent-cpu 1 --timers $timers --intervals 200 --json >"$report" ||
	{ cat "$report"; failed=1; }

# cells TIMER CONDITION: of those with that timer, how many there are, and how many are as they should be. Conditions
# know the exits for each timer and, where the module is loaded, how far its counters grew.
cells()
{
	jq -r --arg timer "$1" "
		def counts: split(\";\") | map(split(\" \")) | [.[0], .[1]] | transpose | map({key: .[0], value: .[1] | tonumber}) |
			from_entries;
		def grown: (.exitless_before | counts) as \$b | .exitless_after | counts | with_entries(.value -= \$b[.key]);
		def per_timer(exits): exits / .timers;
		[.cells[] | select(.timer == \$timer)] | [length, (map(select($2)) | length)] | join(\" \")" "$report"
}

check "MSR-write exits of the LAPIC's, more than 1.5 a timer" "4 4" "$(cells lapic 'per_timer(.exits.msr_write) > 1.5')"
# None of them sets a timer: they are ends of interrupts, of which KVM's paravirtual EOI cannot save those that came while
# another was pending, and that grow with the load of this machine. bench-check has the figure for one that is idle, 0.02.
check "MSR-write exits of the exitless timer, below 0.1" "4 4" "$(cells exitless 'per_timer(.exits.msr_write) < 0.1')"
check "each fired by the agent" "4 4" "$(cells exitless "grown | .fired >= $timers * 0.9 and .early == 0")"
# The file is read while timers go on: the two counts are one another's, but for one that was on its way.
# shellcheck disable=SC2016 # of jq
check "the guest took what the agent fired" "4 4" "$(cells exitless 'grown |
	(.agent_fired - .fired) as $d | $d >= -1 and $d <= .spurious + .noop + 1')"
check "nothing came to another CPU" "4 4" "$(cells exitless 'grown | .wrong_cpu == 0')"
jq -r '.cells[] | "\(.timer) \(.method), poll \(.smart_idle_poll): \(.exits.msr_write) MSR writes, \(.exits.halt) halts, \(
	.exits.interrupt + .exits.interrupt_window) kicks for \(.timers) timers"' "$report"
exit $failed
