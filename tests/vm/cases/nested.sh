#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# nested.sh MICROVM KERNEL: in a host VM with nested KVM, boots guests on it, one after another.
set -u
microvm=$1 kernel=$2
export ISOLAT_KERNELS="$3"

for round in 1 2 3; do
	"$microvm" --kernel "$kernel" --accel kvm --vcpus 2 --halt-poll-ns 0 --timeout 60 --retry \
		--file "$(command -v busybox)=/bin/busybox" -- /bin/busybox uname -r || exit 1
done
