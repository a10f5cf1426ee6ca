#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# try.sh ISOLAT: what apply, verify, status and undo do, shown on a host VM with emulated RDT. It changes the resctrl of
# the machine that it runs on: the README tells how to start the VM. Two processes stand for VMs.
set -eu
isolat=$1
resctrl=/sys/fs/resctrl

show() {
	echo
	echo "# $*"
	"$@"
}

mount -t resctrl resctrl $resctrl
sleep 1000 &
db=$!
sleep 1000 &
batch=$!
profile=$(mktemp)
cat > "$profile" << EOF
version: 1
classes:
  - { name: latency, cores: dedicated, cache: { l3: 4 MiB, exclusive: yes } }
  - { name: batch, cores: shared, cache: { l3: 25 % }, bandwidth: 45 % }
vms:
  - { name: db, class: latency, vcpus: 1, memory: 64 MiB, match: { pid: $db } }
  - { name: batch, class: batch, vcpus: 2, memory: 64 MiB, match: { pid: $batch } }
EOF
show cat $resctrl/schemata
show "$isolat" apply --profile "$profile"
show grep . $resctrl/schemata $resctrl/isolat-*/schemata
show "$isolat" verify
show "$isolat" status
show "$isolat" run --profile "$profile" --class batch -- sh -c 'cat /proc/self/cpu_resctrl_groups'
echo 'L3:0=1' > $resctrl/isolat-db/schemata
show "$isolat" verify || echo "exit code $?"
show "$isolat" undo
show cat $resctrl/schemata
kill $db $batch
