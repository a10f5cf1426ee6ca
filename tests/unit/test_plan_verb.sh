#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# isolat plan and isolat fit from outside: what they say, with which exit code, of hosts and profiles that are given.
# Usage: test_plan_verb.sh ISOLAT
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_plan_verb.sh ISOLAT}") || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2
paper='pack:2 [numa(memory=64GB)] l3:1(size=17301504) l2:8(size=1048576) core:1 pu:2'
caps=l3ways=11,l3io=600,closids=16,mbgran=10

# Runs isolat, with $input as its standard input; it must end with CODE, and its JSON satisfy FILTER.
says() # NAME CODE FILTER ARGUMENTS...
{
	local name=$1 want=$2 filter=$3 why=
	shift 3
	"$isolat" "$@" --json >"$scratch/out" 2>"$scratch/err" <"${input:-/dev/null}"
	code=$?
	[ "$code" = "$want" ] || why+="exit code $code, not $want; "
	jq -e "$filter" "$scratch/out" >/dev/null 2>&1 || why+="not so: $filter: $(head -c 300 "$scratch/out")"
	verdict "$name" "$why"
}

profile() # NAME VMS...: classes latency (8 MiB exclusive) and batch, and these VMs, a line each
{
	local file=$scratch/$1
	shift
	printf '%s\n' 'version: 1' 'classes:' \
		'  - { name: latency, cores: dedicated, cache: { l3: 8 MiB, exclusive: yes } }' \
		'  - { name: batch, cores: shared, cache: { l3: 25 % }, bandwidth: 45 % }' 'vms:' >"$file"
	printf '  - { %s }\n' "$@" >>"$file"
}

on_paper=(--topology "$paper" --caps "$caps" --profile)

profile pair 'name: rt, class: latency, vcpus: 4, memory: 8 GiB, exitless_timer: yes' \
	'name: b, class: batch, vcpus: 2, memory: 4 GiB'
says 'a pair' 0 '.vms[0].cpus == [2,3,4,5] and (.vms[0].group == "isolat-rt") and (.agents | length) == 1' \
	plan "${on_paper[@]}" "$scratch/pair"
says '8 MiB are 6 ways' 0 '.groups[0].l3[0] | .mask == "3f" and .ways == 6 and .bytes == 9437184' \
	plan "${on_paper[@]}" "$scratch/pair"
says 'the rounding is told' 0 '.notes | any(. == "rt: 8 MiB asked, 9 MiB given: 6 ways of 1.5 MiB")' \
	plan "${on_paper[@]}" "$scratch/pair"
says '45 % of bandwidth are 50' 0 '.groups[] | select(.name == "isolat-batch").mb | all(.value == 50)' \
	plan "${on_paper[@]}" "$scratch/pair"
"$isolat" plan "${on_paper[@]}" "$scratch/pair" --json >"$scratch/again"
"$isolat" plan "${on_paper[@]}" "$scratch/pair" --json | cmp -s - "$scratch/again"
verdict 'the same input gives the same bytes' "${?/#0/}"

# The same machine with CPU numbers ten apart.
"$isolat" topology --topology "$paper" --caps "$caps" --json |
	jq '.topology.cores[].cpus |= map(. * 10)' >"$scratch/sparse.json"
says 'CPU numbers with gaps' 0 '.vms[0].cpus == [20,30,40,50] and .housekeeping == [0,10]' \
	plan --topology "$scratch/sparse.json" --profile "$scratch/pair"

printf '%s\n' 'version: 1' 'classes:' '  - { name: net, cores: dedicated, cache: { l3_code: 2 ways, l3_data: 5 ways } }' \
	'vms:' '  - { name: n, class: net, vcpus: 2, memory: 1 GiB }' >"$scratch/apart"
says 'code and data apart, shared' 0 '.groups[0] | (.l3[0].ways == 5) and (.l3_code[0].ways == 2)' \
	plan --topology "$paper" --caps l3ways=11,closids=8,cdp=1 --profile "$scratch/apart"
profile crowd 'name: a, class: batch, vcpus: 14, memory: 1 GiB' 'name: b, class: batch, vcpus: 14, memory: 1 GiB' \
	'name: c, class: batch, vcpus: 14, memory: 1 GiB'
says 'shared VMs are spread over the nodes' 0 '[.vms[].memory[0].node] | sort | unique == [0, 1]' \
	plan "${on_paper[@]}" "$scratch/crowd"
says 'more vCPUs than CPUs are told' 0 '.notes | any(test("28 vCPUs of shared classes share 1[46] CPUs"))' \
	plan "${on_paper[@]}" "$scratch/crowd"

says 'bandwidth is at least the least' 0 '.groups[] | select(.name == "isolat-batch").mb | all(.value == 60)' \
	plan --topology "$paper" --caps l3ways=11,closids=16,mbgran=10,mbmin=60 --profile "$scratch/pair"
sed 's/45 %/4050 MB\/s/' "$scratch/pair" >"$scratch/amd"
says 'the rounding of MB/s is told' 0 '.notes | any(. == "batch: 4050 MB/s asked, 4125 MB/s given: it goes by 125")' \
	plan --topology "$paper" --caps l3ways=11,closids=16,mb=amd --profile "$scratch/amd"
(cat "$scratch/pair"; echo 'housekeeping: { cpus: 0 }') >"$scratch/listed"
says 'the sibling of a listed CPU is told' 0 \
	'.housekeeping == [0,1] and (.notes | any(test("^housekeeping: the siblings")))' \
	plan "${on_paper[@]}" "$scratch/listed"
says 'what a machine on paper lacks is asked of --caps' 3 '.error.hint | test("--caps")' \
	plan --topology "$paper" --profile "$scratch/pair"

# Two nodes in one L3 of 11 ways: 3 and 3 for the VMs, 4 for both agents together, 1 is left.
printf '%s\n' 'version: 1' 'classes:' '  - { name: own, cores: dedicated, cache: { l3: 3 ways, exclusive: yes } }' 'vms:' \
	'  - { name: a, class: own, vcpus: 2, memory: 1 GiB, node: 0, exitless_timer: yes }' \
	'  - { name: b, class: own, vcpus: 2, memory: 1 GiB, node: 1, exitless_timer: yes }' \
	'timer_agent: { cache: { l3: 4 ways } }' >"$scratch/agents"
says 'two agents in an L3 share its ways' 0 '(.agents | length) == 2 and (.default_group.l3[0].ways == 1)' \
	plan --topology 'pack:1 l3:1(size=34603008) group:2 [numa(memory=64GB)] l2:4 core:1 pu:2' \
	--caps l3ways=11,closids=16 --profile "$scratch/agents"

printf '%s\n' 'version: 1' 'classes:' '  - { name: far, cores: dedicated, memory: any }' 'vms:' \
	'  - { name: v, class: far, vcpus: 2, memory: 1 GiB, node: 1 }' >"$scratch/home"
says 'memory from any node is from its own first' 0 '.vms[0].memory | length == 1 and .[0].node == 1' \
	plan "${on_paper[@]}" "$scratch/home"

profile odd 'name: rt, class: latency, vcpus: 3, memory: 8 GiB'
says '3 vCPUs on pairs' 2 '.error | .object == "'"$scratch"'/odd:6" and (.reason | test("3 vCPUs"))' \
	plan "${on_paper[@]}" "$scratch/odd"
profile none 'name: rt, class: nobody, vcpus: 2, memory: 8 GiB'
says 'a class that nobody defines' 2 '.error.object == "'"$scratch"'/none:6"' plan "${on_paper[@]}" "$scratch/none"
says 'no such profile' 2 '.error.code == 2' plan "${on_paper[@]}" "$scratch/missing"
says 'a host without CAT' 3 '.error.code == 3' plan --topology "$paper" --caps none --profile "$scratch/pair"
says 'a topology that hwloc refuses' 2 '.error.code == 2' plan --topology 'pack:0' --profile "$scratch/pair"
profile many 'name: a, class: latency, vcpus: 2, memory: 1 GiB' 'name: b, class: latency, vcpus: 2, memory: 1 GiB' \
	'name: c, class: latency, vcpus: 2, memory: 1 GiB'
says 'too much cache' 5 '.error | .code == 5 and (.hint | test("3 ways of L3 in place of 6"))' \
	plan "${on_paper[@]}" "$scratch/many"

says 'one more fits' 0 '.questions[0] | .fits == 1 and (.hosts[0].vm.cpus | length) == 2' \
	fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=2,memory=1GiB,class=latency
says 'one more does not fit' 5 '.questions[0] | .fits == 0 and .hosts[0].code == 5' \
	fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=40,memory=1GiB,class=latency
says 'two questions' 5 '.questions | map(.fits) == [1, 0]' \
	fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=2,memory=1GiB,class=batch --vm vcpus=2,memory=1TiB,class=batch
says 'what is left' 0 '.questions[0].hosts[0].left.nodes | map(.cpus) == [8, 14]' \
	fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=2,memory=1GiB,class=latency
mkdir "$scratch/hosts"
cp "$scratch/sparse.json" "$scratch/hosts/b.json"
"$isolat" topology --topology 'pack:1 [numa(memory=8GB)] l3:1(size=8388608) l2:1(size=1048576) core:1 pu:1' \
	--caps "$caps" --json >"$scratch/hosts/a.json"
says 'many hosts' 0 '.questions[0].hosts | map([.host, .fits]) == [["a.json", false], ["b.json", true]]' \
	fit --hosts "$scratch/hosts" --profile "$scratch/pair" --vm vcpus=2,memory=1GiB,class=batch
echo '{' >"$scratch/hosts/c.json"
says 'a host file that is none' 0 '.questions[0].hosts | map(.fits) == [false, true, false] and (.[2].object | test("c.json"))' \
	fit --hosts "$scratch/hosts" --profile "$scratch/pair" --vm vcpus=2,memory=1GiB,class=batch
says 'bad capabilities for all hosts' 2 '.error.object | test("l3ways=99")' fit --hosts "$scratch/hosts" \
	--caps l3ways=99 --profile "$scratch/pair" --vm vcpus=2,memory=1GiB,class=batch
rm "$scratch/hosts/c.json"

# Profiles beside the hosts. That of b has a class that the other does not know, and no VM.
printf '%s\n' 'version: 1' 'classes:' '  - { name: own, cores: dedicated, cache: { l3: 9 ways, exclusive: yes } }' \
	'vms: []' >"$scratch/hosts/b.yaml"
says 'a host with its own profile, one with the default' 0 \
	'.questions[0].hosts | map([.host, .fits, (.profile | sub(".*/"; ""))]) ==
		[["a.json", false, "pair"], ["b.json", true, "b.yaml"]]' \
	fit --hosts "$scratch/hosts" --profile "$scratch/pair" --vm vcpus=2,memory=1GiB,class=own,node=1
says 'a class that a host does not know' 5 '.questions[0].hosts | map([.fits, .code]) | . == [[false, 5], [false, 2]]' \
	fit --hosts "$scratch/hosts" --profile "$scratch/pair" --vm vcpus=2,memory=100GiB,class=batch
cp "$scratch/pair" "$scratch/hosts/a.yaml"
says 'all hosts with their own profiles need no other' 0 '.questions[0].hosts | map(.fits) == [false, true]' \
	fit --hosts "$scratch/hosts" --vm vcpus=2,memory=1GiB,class=own,node=1
says 'a question that no profile understands' 2 '.error.reason | test("nobody")' \
	fit --hosts "$scratch/hosts" --vm vcpus=2,memory=1GiB,class=nobody
echo 'classes: 5' >"$scratch/hosts/a.yaml"
says 'a host whose profile is wrong' 0 '.questions[0].hosts | .[0].code == 2 and (.[0].object | test("a.yaml:1")) and .[1].fits' \
	fit --hosts "$scratch/hosts" --vm vcpus=2,memory=1GiB,class=own,node=1
rm "$scratch/hosts/a.yaml"
says 'one host without its own needs the default' 2 '.error.object == "'"$scratch"'/missing"' \
	fit --hosts "$scratch/hosts" --profile "$scratch/missing" --vm vcpus=2,memory=1GiB,class=own

input=$scratch/pair
says 'a profile from standard input' 0 '.profile == "standard input" and .vms[0].name == "rt"' plan "${on_paper[@]}" -
says 'to fit, too' 0 '.questions[0].hosts[0].profile == "standard input"' \
	fit "${on_paper[@]}" - --vm vcpus=2,memory=1GiB,class=batch
input=$scratch/none
says 'what is wrong in it has its line' 2 '.error.object == "standard input:6"' plan "${on_paper[@]}" -
input=

(cat "$scratch/pair"; echo 'timer_agent: { cpus: "4,6" }') >"$scratch/two-agents"
says 'two cores for the agent of a node' 2 \
	'.error | (.object | endswith("two-agents:8")) and (.reason | test("CPUs 4 and 6 are of two cores of node 0"))' \
	plan "${on_paper[@]}" "$scratch/two-agents"
says 'what is short, and who has it' 5 '.error |
	.reason == "L3 ways are short: 6 are asked for, and 3 of 11 are left in L3 0, 4 with those that I/O uses and class " +
		"latency does not allow (io_ways)" and .hint == "a has 6 ways; with 3 ways of L3 in place of 6 it fits"' \
	plan "${on_paper[@]}" "$scratch/many"

# A hybrid machine: cores 2 and 3 have no L3.
"$isolat" topology --topology 'pack:1 [numa(memory=8GB)] l3:1(size=8388608) core:4 pu:1' --caps "$caps" --json |
	jq '.topology.cores[2:][].l3 = null' >"$scratch/hybrid.json"
profile ways 'name: a, class: latency, vcpus: 1, memory: 1 GiB'
sed -i 's/8 MiB/1 MiB/' "$scratch/ways"
says 'cores without an L3 get no ways' 0 '.vms[0].cpus == [1]' plan --topology "$scratch/hybrid.json" --profile "$scratch/ways"
sed 's/vcpus: 1/vcpus: 2/' "$scratch/ways" >"$scratch/ways2"
says 'and none is short of ways there' 5 '.error.reason | test("2 CPUs in whole cores are asked for, and 1 is left")' \
	plan --topology "$scratch/hybrid.json" --profile "$scratch/ways2"
jq '.topology.cores[].node = null' "$scratch/hybrid.json" >"$scratch/nowhere.json"
says 'cores in no node' 3 '.error.reason | test("in no NUMA node")' \
	plan --topology "$scratch/nowhere.json" --profile "$scratch/ways"

says 'a VM from the command line is named, not a line' 5 '.questions[0].hosts[0] | .code == 2 and .object == "new-vm"' \
	fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=3,memory=1GiB,class=latency
says 'a VM of no class' 2 '.error.code == 2' fit "${on_paper[@]}" "$scratch/pair" --vm vcpus=2,memory=1GiB
says 'no VM' 2 '.error.reason == "no VM is named"' fit "${on_paper[@]}" "$scratch/pair"
# The example of the page is what is printed.
page=$(dirname -- "${BASH_SOURCE[0]}")/../../docs/isolat-plan.1
example=$(sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$page" | sed '/^\./d' | sed '1d; s/\\e$/\\/')
sed -n '/^\$ isolat/q; p' <<<"$example" | sed 1d >"$scratch/host.yaml"
command=$(sed -n '/^\$ isolat/,/[^\\]$/{s/^\$ isolat/"$isolat"/; p}' <<<"$example")
sed '1,/^    -t /d' <<<"$example" >"$scratch/wanted"
(cd "$scratch" && eval "$command") >"$scratch/out" 2>&1
verdict 'the example of the page' "$(diff "$scratch/wanted" "$scratch/out" | head -n 6)"

exit "$failed"
