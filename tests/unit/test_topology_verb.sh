#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `isolat topology` from outside: drawings to the letter and at every width, its JSON, and what it refuses.
# Usage: test_topology_verb.sh ISOLAT
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_topology_verb.sh ISOLAT}") || exit 2
top=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
export LC_ALL=C
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

caps=l3ways=20,l3min=2,l3io=c0000,closids=16,mbgran=10
snc='pack:1 l3:1(size=110100480) group:2 [numa(memory=64GiB)] l2:10(size=2MiB) core:1 pu:2(indexes=core:pack)'

run() # ARGUMENTS...: of isolat topology; its exit code in $code
{
	timeout 20 "$isolat" topology "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

# The drawing is what stands on stdin.
draws() # NAME ARGUMENTS...
{
	local name=$1 why=
	shift
	cat >"$scratch/want"
	run "$@"
	[ "$code" = 0 ] || why+="exit code $code; "
	[ ! -s "$scratch/err" ] || why+="stderr: $(cat "$scratch/err"); "
	diff "$scratch/want" "$scratch/out" >"$scratch/diff" ||
		why+="differs: $(grep -m 2 '^[<>]' "$scratch/diff" | tr '\n' ' ')"
	verdict "drawing: $name" "$why"
}

test_drawings()
{
	draws "two nodes in an L3" -t "$snc" -c "$caps" <<-'END'
	pack:1 l3:1(size=110100480) group:2 [numa(memory=64GiB)] l2:10(size=2MiB) core:1
	  pu:2(indexes=core:pack): 1 package, 2 nodes, 1 L3, 20 cores, 40 CPUs
	+- package 0, node 0: 64 GiB --------------------------------------------------+
	| L3 0: 105 MiB, 10 cores of 2 CPUs, shared with node 1                        |
	|   L2 0-9: 2 MiB a core                                                       |
	|   [ 0 20] [ 1 21] [ 2 22] [ 3 23] [ 4 24] [ 5 25] [ 6 26] [ 7 27] [ 8 28]    |
	|   [ 9 29]                                                                    |
	+------------------------------------------------------------------------------+
	+- package 0, node 1: 64 GiB --------------------------------------------------+
	| L3 0: 105 MiB, 10 cores of 2 CPUs, shared with node 0                        |
	|   L2 10-19: 2 MiB a core                                                     |
	|   [10 30] [11 31] [12 32] [13 33] [14 34] [15 35] [16 36] [17 37] [18 38]    |
	|   [19 39]                                                                    |
	+------------------------------------------------------------------------------+
	RDT, as l3ways=20,l3min=2,l3io=c0000,closids=16,mbgran=10 tells:
	  L3         20 ways, at least 2, without holes; 16 CLOSIDs
	             ##.................. #: used by I/O too (c0000)
	  MB         percent of each core's own bandwidth, from 10 to 100 in steps of
	             10; 16 CLOSIDs
	  CLOSIDs    16: the default group's, 15 free
	  monitoring none
	END
	LC_ALL=C.UTF-8 draws "UTF-8, a way's size" -t "pack:1 [numa(memory=1536MiB)] l3:1(size=30MiB) core:2 pu:1" \
		-c "l3ways=20,l3io=3,closids=4" <<-'END'
	pack:1 [numa(memory=1536MiB)] l3:1(size=30MiB) core:2 pu:1: 1 package, 1 node, 1
	  L3, 2 cores, 2 CPUs
	┌─ package 0, node 0: 1.5 GiB ─────────────────────────────────────────────────┐
	│ L3 0: 30 MiB, 2 cores                                                        │
	│   [0] [1]                                                                    │
	└──────────────────────────────────────────────────────────────────────────────┘
	RDT, as l3ways=20,l3io=3,closids=4 tells:
	  L3         20 ways of 1.5 MiB, at least 1, without holes; 4 CLOSIDs
	             □□□□□□□□□□□□□□□□□□■■ ■: used by I/O too (3)
	  CLOSIDs    4: the default group's, 3 free
	  monitoring none
	END
	draws "a node over two packages, no L3" -t "pack:2 l2:1(size=1MiB) core:1 pu:2" <<-'END'
	pack:2 l2:1(size=1MiB) core:1 pu:2: 2 packages, 1 node, no L3, 2 L2, 2 cores, 4
	  CPUs
	+- package 0, node 0: 1 GiB ---------------------------------------------------+
	| the node spans several packages                                              |
	| L2 0: 1 MiB, 1 core of 2 CPUs                                                |
	|   [0 1]                                                                      |
	+------------------------------------------------------------------------------+
	+- package 1, node 0: 1 GiB ---------------------------------------------------+
	| the node spans several packages                                              |
	| L2 1: 1 MiB, 1 core of 2 CPUs                                                |
	|   [2 3]                                                                      |
	+------------------------------------------------------------------------------+
	RDT: none
	END
	draws "many L3 are ranges" -t "pack:1 die:2 [numa] l3:7(size=32MiB) l2:8(size=1MiB) core:1 pu:2" <<-'END'
	pack:1 die:2 [numa] l3:7(size=32MiB) l2:8(size=1MiB) core:1 pu:2: 1 package, 2
	  dies, 2 nodes, 14 L3, 112 cores, 224 CPUs
	+- package 0, node 0: 0 bytes -------------------------------------------------+
	| L3 0: 32 MiB, 8 cores of 2 CPUs, die 0: 0-15                                 |
	| L3 1: 32 MiB, 8 cores of 2 CPUs, die 0: 16-31                                |
	| L3 2: 32 MiB, 8 cores of 2 CPUs, die 0: 32-47                                |
	| L3 3: 32 MiB, 8 cores of 2 CPUs, die 0: 48-63                                |
	| L3 4: 32 MiB, 8 cores of 2 CPUs, die 0: 64-79                                |
	| L3 5: 32 MiB, 8 cores of 2 CPUs, die 0: 80-95                                |
	| L3 6: 32 MiB, 8 cores of 2 CPUs, die 0: 96-111                               |
	| L2 0-55: 1 MiB a core                                                        |
	+------------------------------------------------------------------------------+
	+- package 0, node 1: 0 bytes -------------------------------------------------+
	| L3 7: 32 MiB, 8 cores of 2 CPUs, die 1: 112-127                              |
	| L3 8: 32 MiB, 8 cores of 2 CPUs, die 1: 128-143                              |
	| L3 9: 32 MiB, 8 cores of 2 CPUs, die 1: 144-159                              |
	| L3 10: 32 MiB, 8 cores of 2 CPUs, die 1: 160-175                             |
	| L3 11: 32 MiB, 8 cores of 2 CPUs, die 1: 176-191                             |
	| L3 12: 32 MiB, 8 cores of 2 CPUs, die 1: 192-207                             |
	| L3 13: 32 MiB, 8 cores of 2 CPUs, die 1: 208-223                             |
	| L2 56-111: 1 MiB a core                                                      |
	+------------------------------------------------------------------------------+
	RDT: none
	END
	draws "L3 that are alike are one" -t "pack:2 [numa] l3:24(size=32MiB) core:8 pu:2(indexes=core:pack)" <<-'END'
	pack:2 [numa] l3:24(size=32MiB) core:8 pu:2(indexes=core:pack): 2 packages, 2
	  nodes, 48 L3, 384 cores, 768 CPUs
	+- package 0, node 0: 0 bytes -------------------------------------------------+
	| L3 0-23: 32 MiB each, 192 cores of 2 CPUs in all: 0-191, 384-575             |
	+------------------------------------------------------------------------------+
	+- package 1, node 1: 0 bytes -------------------------------------------------+
	| L3 24-47: 32 MiB each, 192 cores of 2 CPUs in all: 192-383, 576-767          |
	+------------------------------------------------------------------------------+
	RDT: none
	END
}

# A document: a hybrid machine with offline CPUs, memory on CXL, devices, and a name that no terminal should get.
hybrid()
{
	cat <<-'END'
	{"format": "isolat-topology", "version": 1, "topology": {"source": "x", "packages": 1, "dies": 1, "l3_level": 3,
	 "nodes": [{"id": 0, "bytes": 1073741824, "package": 0}, {"id": 2, "bytes": 549755813888, "package": 0}],
	 "l3": [{"id": 7, "bytes": 12582912}],
	 "l2": [{"id": 0, "bytes": 2097152}, {"id": 8, "bytes": 4194304}, {"id": 16, "bytes": 4194304}],
	 "cores": [{"cpus": [0, 1], "l2": 0, "l3": 0, "node": 0, "die": 0, "package": 0},
	  {"cpus": [2], "l2": 1, "l3": 0, "node": 0, "die": 0, "package": 0},
	  {"cpus": [3], "l2": 1, "l3": 0, "node": 0, "die": 0, "package": 0},
	  {"cpus": [4], "l2": 2, "l3": null, "node": 0, "die": 0, "package": 0},
	  {"cpus": [5], "l2": 2, "l3": null, "node": 0, "die": 0, "package": 0}],
	 "offline": [6, 7, 10],
	 "devices": [{"name": "eth0", "bus": "0000:3b:00.0", "node": 0}, {"name": "", "bus": "0000:3b:00.1", "node": 0},
	  {"name": "a\u001b[1m", "bus": "0000:3c:00.0", "node": null}]}, "rdt":
	END
	"$isolat" topology --json -t pu:1 -c none | jq .rdt
	echo '}'
}

test_document()
{
	hybrid >"$scratch/hybrid.json"
	(cd "$scratch" && draws "hybrid, from JSON" -t hybrid.json) <<-'END'
	hybrid.json: 1 package, 2 nodes, 1 L3, 5 cores, 6 CPUs, 3 offline
	+- package 0, node 0: 1 GiB ---------------------------------------------------+
	| L3 7: 12 MiB, 1 core of 2 CPUs and 2 of 1                                    |
	|   L2 0: 2 MiB a core, L2 8: 4 MiB for 2 cores                                |
	|   [ 0  1] [ 2   ] [ 3   ]                                                    |
	| no L3: 2 cores                                                               |
	|   L2 16: 4 MiB for 2 cores                                                   |
	|   [ 4   ] [ 5   ]                                                            |
	| near: eth0 (0000:3b:00.0), 0000:3b:00.1                                      |
	+------------------------------------------------------------------------------+
	+- package 0, node 2: 512 GiB -------------------------------------------------+
	| memory only                                                                  |
	+------------------------------------------------------------------------------+
	offline: CPUs 6-7, 10
	near no node: a?[1m (0000:3c:00.0)
	RDT: none
	END
}

# A resctrl with a group of somebody, as files.
resctrl()
{
	local dir=$1 group
	mkdir -p "$dir/info/L3" "$dir/info/MB" "$dir/vm 1"
	echo fffff >"$dir/info/L3/cbm_mask"
	echo 1 >"$dir/info/L3/min_cbm_bits"
	echo 0 >"$dir/info/L3/shareable_bits"
	echo 16 >"$dir/info/L3/num_closids"
	echo 8 >"$dir/info/MB/num_closids"
	echo 10 | tee "$dir/info/MB/min_bandwidth" >"$dir/info/MB/bandwidth_gran"
	echo 1 >"$dir/info/MB/delay_linear"
	printf '    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n' >"$dir/schemata"
	printf '    MB:0= 50;1=100\n    L3:0=00ff0;1=00ff0\n' >"$dir/vm 1/schemata"
	for group in "$dir" "$dir/vm 1"; do
		echo shareable >"$group/mode"
		: >"$group/cpus"
		: >"$group/tasks"
	done
	echo exclusive >"$dir/vm 1/mode"
}

test_groups()
{
	local why=
	resctrl "$scratch/resctrl"
	run -t "pack:2 [numa] l3:1(size=20MiB) core:2 pu:1" -c "$scratch/resctrl"
	[ "$code" = 0 ] || why="exit code $code: $(cat "$scratch/err"); "
	grep -qx '  L3         20 ways of 1 MiB, at least 1, without holes; 16 CLOSIDs' "$scratch/out" || why+="no L3; "
	grep -qx '             \.\{20\} none used by I/O' "$scratch/out" || why+="no bar; "
	grep -qx '  CLOSIDs    8: the default group.s, 1 of other groups, 6 free' "$scratch/out" || why+="no CLOSIDs; "
	grep -qx '  group vm 1 (exclusive): L3 0-1=ff0; MB 0=50 1=100' "$scratch/out" || why+="no group; "
	verdict "groups of a resctrl" "$why"
}

# On a terminal of each width no line is wider, and frames are as wide.
test_widths()
{
	local columns width why widest
	for columns in 20 40 41 57 80 133 250; do
		width=$((columns < 40 ? 40 : columns))
		why=
		script -qec "stty cols $columns; '$isolat' topology -t '$snc' -c '$caps'" /dev/null </dev/null 2>&1 |
			tr -d '\r' >"$scratch/tty"
		widest=$(awk '{ if (length > most) most = length } END { print most }' "$scratch/tty")
		[ "$widest" = "$width" ] || why+="the widest line has $widest columns, not $width; "
		[ "$(grep -c '^+-' "$scratch/tty")" = 4 ] || why+="not two boxes; "
		[ "$(grep '^[+|]' "$scratch/tty" | awk '{ print length }' | sort -u)" = "$width" ] || why+="ragged; "
		for cpu in 0 29 39; do
			grep -q "\\<$cpu\\>" "$scratch/tty" || why+="no CPU $cpu"
		done
		verdict "on $columns columns" "$why"
	done
}

test_json()
{
	local key why=
	run --json -t "$snc" -c "$caps"
	[ "$code" = 0 ] || why="exit code $code; "
	cp "$scratch/out" "$scratch/snc.json"
	jq -e '.format == "isolat-topology" and .version == 1 and (keys == ["format", "rdt", "topology", "version"]) and
		(.topology | (keys == ["cores", "devices", "dies", "l2", "l3", "l3_level", "nodes", "offline", "packages",
		"source"]) and (.cores | length) == 20 and .cores[1].cpus == [1, 21] and .cores[19].node == 1 and
		.cores[19].l2 == 19 and .l3 == [{"id": 0, "bytes": 110100480}])' "$scratch/snc.json" >/dev/null ||
		why+="not the documented object"
	verdict "JSON" "$why"

	run --json -t "$snc" -c "$caps"
	verdict "JSON: the same bytes again" "$(cmp "$scratch/snc.json" "$scratch/out" 2>&1)"

	run --json -t "$scratch/snc.json"
	verdict "JSON: read and written" "$(diff <(jq 'del(.topology.source, .rdt.source)' "$scratch/snc.json") \
		<(jq 'del(.topology.source, .rdt.source)' "$scratch/out") | head -n 3 | tr '\n' ' ')"

	why=
	hybrid >"$scratch/hybrid.json"
	resctrl "$scratch/resctrl"
	run --json -t "$scratch/hybrid.json" -c "$scratch/resctrl"
	for key in $(jq -r 'paths | map(select(type == "string")) | last // empty' "$scratch/out" | grep '[a-z]' | sort -u); do
		grep -qE "^\.(It )?Va (.* )?$key( |,|\$)" "$top/docs/isolat-topology.1" || why+="$key; "
	done
	[ -s "$scratch/out" ] || why="no JSON"
	verdict "JSON: keys that are not in the man page" "$why"
}

# The user's settings of hwloc are for lstopo.
test_environment()
{
	local why=
	run --json
	cp "$scratch/out" "$scratch/live"
	HWLOC_SYNTHETIC=pu:7 HWLOC_XMLFILE=/none HWLOC_COMPONENTS=x86 HWLOC_XML_VERBOSE=1 run --json
	cmp -s "$scratch/live" "$scratch/out" || why="it changes this machine; "
	[ ! -s "$scratch/err" ] || why+="stderr: $(cat "$scratch/err")"
	jq -e '.topology.source == "this machine"' "$scratch/live" >/dev/null || why+="not this machine"
	verdict "HWLOC_ variables" "$why"
}

refused() # NAME TEXT ARGUMENTS...: as a line, and as JSON
{
	local name=$1 text=$2 why=
	shift 2
	run "$@"
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ ! -s "$scratch/out" ] || why+="something on stdout; "
	[ "$(wc -l <"$scratch/err")" = 1 ] || why+="$(wc -l <"$scratch/err") lines on stderr, not 1; "
	grep -qF -- "isolat: $text" "$scratch/err" || why+="no \"isolat: $text\" in: $(cat "$scratch/err"); "
	run --json "$@"
	[ "$code" = 2 ] || why+="JSON: exit code $code, not 2; "
	[ ! -s "$scratch/err" ] || why+="JSON: something on stderr; "
	jq -e 'keys == ["error"] and .error.code == 2' "$scratch/out" >/dev/null 2>&1 || why+="not the error object"
	verdict "refused: $name" "$why"
}

test_refused()
{
	cd "$scratch" || return
	truncate -s 1G huge
	echo '{"format": "isolat-topology", "version": 2}' >version.json
	echo '{"format": "other", "version": 1}' >other.json
	head -c 500 snc.json >cut.json
	jq 'del(.topology.cores[3].l2)' snc.json >missing.json
	jq '.topology.cores[3].l3 = 9' snc.json >range.json
	echo '<topology version="3.0"></topology>' >three.xml
	mkdir -p folder
	refused "no such file" "read topology ./none.xml: No such file" -t ./none.xml
	refused "no description" "read topology pack:x: hwloc refuses it" -t pack:x
	refused "too many CPUs" "read topology pu:1000000000: it describes more than 8192 CPUs" -t pu:1000000000
	refused "a file of 1 GiB" "read topology huge: too large (up to 64 MiB" -t huge
	refused "caps of 1 GiB" "read RDT capabilities huge: too large" -t pu:1 -c huge
	refused "another version" "read topology version.json: version: 2 is not known" -t version.json
	refused "another format" "read topology other.json: format: not \"isolat-topology\"" -t other.json
	refused "cut JSON" "read topology cut.json: line " -t cut.json
	refused "a missing key" "read topology missing.json: cores[3].l2: missing" -t missing.json
	refused "an index too high" "read topology range.json: cores[3].l3: 9 is not from 0 to 0" -t range.json
	cat >crash.xml <<-'END'
	<?xml version="1.0"?>
	<topology version="2.0">
	<object type="Machine" os_index="0" cpuset="0x1" nodeset="0x1" complete_nodeset="0x1" gp_index="1">
	<object type="PU" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x1" gp_index="3"/>
	</object>
	</topology>
	END
	refused "XML that hwloc crashes on" "read topology crash.xml: hwloc crashed on it" -t crash.xml
	refused "XML of a later hwloc" "read topology three.xml: hwloc refuses it as XML (its version is 3.0" -t three.xml
	refused "a folder" "read topology folder: sys/devices/system/cpu in it: No such file" -t folder
	refused "a folder as caps" "read RDT capabilities folder: no resctrl" -t pu:1 -c folder
	refused "a bad short form" "read RDT capabilities " -t pu:1 -c frob=1
	refused "a word" "read argument word" word
}

test_drawings
test_document
test_groups
test_widths
test_json
test_environment
test_refused
exit "$failed"
