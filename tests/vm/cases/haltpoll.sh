#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# haltpoll.sh BUILD KERNEL KERNELS: in a host VM with nested KVM. cpuidle-haltpoll is built into Debian's kernels and
# registers in a guest that gets KVM's dedicated hint: there smart_idle_poll is refused, and with the remedy that it
# names it works; so do the governor haltpoll (6.12 has it) and the parameter host_poll, which take real KVM too.
set -u
build=$1 kernel=$2
export ISOLAT_KERNELS="$3"
failed=0

guest() { # CASE COMMAND-LINE OPTION...
	case=$1 line=$2
	shift 2
	"$build/isolat-microvm" --kernel "$kernel" --accel kvm --vcpus 2 --timeout 60 --retry --append "$line" \
		--device -cpu --device host,kvm-hint-dedicated=on "$@" \
		--file "$build/guest/$kernel/smart_idle_poll.ko=/isolat/modules/smart_idle_poll.ko" \
		--file "$build/tests/vm/cases/sip=/isolat/sip" -- /isolat/sip "$case"
	status=$?
	[ $status = 0 ] || { echo "WRONG: $case '$line': status $status"; failed=1; }
}

guest haltpoll-busy '' --leak-scan
guest plain initcall_blacklist=haltpoll_init --leak-scan
guest host-poll initcall_blacklist=haltpoll_init --module msr
case $kernel in
6.1) ;; # Debian's 6.1 is built without it
*) guest plain 'initcall_blacklist=haltpoll_init cpuidle.governor=haltpoll' --leak-scan ;;
esac
exit $failed
