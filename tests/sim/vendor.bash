# SPDX-License-Identifier: BSD-3-Clause
# For scripts with programs that libpqos is in: it asks the CPU itself whose it is, for which no simulator answers. Where
# this machine's CPU is not Intel's, they run under QEMU's user emulation, as on one that is.

as_on_intel() # FOLDER PROGRAM...: puts the PROGRAMs there so
{
	local folder=$1 program
	shift
	mkdir -p "$folder"
	for program; do
		if grep -qw GenuineIntel /proc/cpuinfo; then
			ln -s "$program" "$folder/"
		else
			printf '#!/bin/sh\nexec qemu-x86_64 -cpu Nehalem %s "$@"\n' "$program" >"$folder/${program##*/}"
			chmod +x "$folder/${program##*/}"
		fi
	done
}
