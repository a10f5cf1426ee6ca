/* SPDX-License-Identifier: BSD-3-Clause */
/* test_profile.c's table of what is refused, with the whole message: "FILE:LINE: KEY.PATH: reason (hint)". */
#ifndef ISOLAT_PROFILE_CASES_H
#define ISOLAT_PROFILE_CASES_H

#define HEAD	"version: 1\n"		     /* line 1 */
#define CLASSES HEAD "classes:\n- name: a\n" /* to line 3; a key of the class may follow */
#define VM	CLASSES "vms:\n- {name: v, class: a, vcpus: 1, memory: 1 GiB" /* line 5, open */

#define BOOLS " (yes, no, true or false)"
#define UNITS " (there is: ways, way, %, B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)"

struct bad {
	const char *text, *message;
};

static const struct bad bad_structure[] = {
	{ "", "p.yaml: it is empty" },
	{ "# nothing\n", "p.yaml: it is empty" },
	{ "---\n", "p.yaml:2: nothing where a map of keys is wanted" },
	{ "- version: 1\n", "p.yaml:1: a list where a map of keys is wanted" },
	{ "\n\nversion\n", "p.yaml:3: a value where a map of keys is wanted" },
	{ "classes: [ { name: a } ]\n", "p.yaml:1: key 'version' is missing" },
	{ HEAD, "p.yaml:1: key 'classes' is missing" },
	{ "classes: []\nversion: 2\nfuture: yes\n",
	  "p.yaml:2: version: '2' is not a version that this isolat reads (it reads version 1)" },
	{ "version: 01\n", "p.yaml:1: version: '01' is not a version that this isolat reads (it reads version 1)" },
	{ "version: 1.0\n", "p.yaml:1: version: '1.0' is not a version that this isolat reads (it reads version 1)" },
	{ "version:\n", "p.yaml:1: version: '' is not a version that this isolat reads (it reads version 1)" },
	{ "version: [1]\n", "p.yaml:1: version: a list where a value is wanted" },
	{ HEAD "classes: []\n", "p.yaml:2: classes: a list of 0; it takes 1 to 128" },
	{ HEAD "classes:\n# - name: a\n", "p.yaml:2: classes: nothing where a list is wanted" },
	{ HEAD "classes: { name: a }\n", "p.yaml:2: classes: a map of keys where a list is wanted" },
	{ HEAD "classes:\n- name: a\n- b\n", "p.yaml:4: classes[1]: a value where a map of keys is wanted" },
	{ HEAD "classes:\n- cores: shared\n", "p.yaml:3: classes[0]: key 'name' is missing" },
	{ CLASSES "  cache: 8 MiB\n", "p.yaml:4: classes[0].cache: a value where a map of keys is wanted" },
	{ CLASSES "  cache:\n", "p.yaml:4: classes[0].cache: nothing where a map of keys is wanted" },
	{ CLASSES "  cache:\n    l3: [ 1 way ]\n", "p.yaml:5: classes[0].cache.l3: a list where a value is wanted" },
	{ CLASSES "  cores: { dedicated: yes }\n",
	  "p.yaml:4: classes[0].cores: a map of keys where a value is wanted" },
	{ CLASSES "vms:\n", "p.yaml:4: vms: nothing where a list is wanted" },
	{ CLASSES "vms: [ { name: v, vcpus: 1, memory: 1 GiB } ]\n", "p.yaml:4: vms[0]: key 'class' is missing" },
	{ CLASSES "vms: [ { name: v, class: a, memory: 1 GiB } ]\n", "p.yaml:4: vms[0]: key 'vcpus' is missing" },
	{ CLASSES "vms: [ { name: v, class: a, vcpus: 1 } ]\n", "p.yaml:4: vms[0]: key 'memory' is missing" },
	{ CLASSES "vms: [ { class: a, vcpus: 1, memory: 1 GiB } ]\n", "p.yaml:4: vms[0]: key 'name' is missing" },
	{ CLASSES "housekeeping: 2\n", "p.yaml:4: housekeeping: a value where a map of keys is wanted" },
	{ CLASSES "timer_agent: [ 2 ]\n", "p.yaml:4: timer_agent: a list where a map of keys is wanted" },
	{ CLASSES "closids: 2\n", "p.yaml:4: closids: a value where a map of keys is wanted" },
};

static const struct bad bad_keys[] = {
	{ CLASSES "class:\n- name: b\n", "p.yaml:4: class: unknown key (did you mean 'classes'?)" },
	{ CLASSES "Vms: []\n", "p.yaml:4: Vms: unknown key (did you mean 'vms'?)" },
	{ CLASSES "elephants: 3\n", "p.yaml:4: elephants: unknown key "
				    "(there is: version, classes, vms, housekeeping, timer_agent, closids)" },
	{ CLASSES "<<: { vms: [] }\n", "p.yaml:4: <<: unknown key "
				       "(there is: version, classes, vms, housekeeping, timer_agent, closids)" },
	{ CLASSES "  whole-cores: yes\n",
	  "p.yaml:4: classes[0].whole-cores: unknown key (did you mean 'whole_cores'?)" },
	{ CLASSES "  cache:\n    l4: 1 way\n", "p.yaml:5: classes[0].cache.l4: unknown key (did you mean 'l3'?)" },
	{ CLASSES "  cache:\n    L3: 1 way\n", "p.yaml:5: classes[0].cache.L3: unknown key (did you mean 'l3'?)" },
	{ VM ", vcpu: 2 }", "p.yaml:5: vms[0].vcpu: unknown key (did you mean 'vcpus'?)" },
	{ VM ",\n match: { uuid: 2 } }",
	  "p.yaml:6: vms[0].match.uuid: unknown key (there is: name, domain, cgroup, pid)" },
	{ CLASSES "housekeeping: { cpu: 2 }", "p.yaml:4: housekeeping.cpu: unknown key (did you mean 'cpus'?)" },
	{ CLASSES "timer_agent: { cores: 2 }", "p.yaml:4: timer_agent.cores: unknown key (there is: cpus, cache)" },
	{ CLASSES "timer_agent: { cache: { l2: 1 way } }",
	  "p.yaml:4: timer_agent.cache.l2: unknown key (did you mean 'l3'?)" },
	{ CLASSES "closids:\n  keep: 2", "p.yaml:5: closids.keep: unknown key (there is: free)" },
	{ CLASSES "version: 1\n", "p.yaml:4: version: given twice, first in line 1" },
	{ CLASSES "  cores: shared\n  memory: any\n  cores: dedicated\n",
	  "p.yaml:6: classes[0].cores: given twice, first in line 4" },
	{ CLASSES "  ? [ a ]\n  : b\n", "p.yaml:4: classes[0]: a key that is a list" },
	{ CLASSES "  ? { a: b }\n  : b\n", "p.yaml:4: classes[0]: a key that is a map" },
	{ CLASSES "  '': b\n", "p.yaml:4: classes[0]: an empty key" },
	{ CLASSES "  a_key_that_is_longer_than_any_other: b\n",
	  "p.yaml:4: classes[0]: a key of 35 bytes; none has more than 32" },
};

static const struct bad bad_class[] = {
	{ HEAD "classes:\n- name: ''\n", "p.yaml:3: classes[0].name: the value is empty" },
	{ HEAD "classes:\n- name: a b\n", "p.yaml:3: classes[0].name: 'a b' is not a name "
					  "(letters A-Z and a-z, digits, '.', '_' and '-')" },
	{ HEAD "classes:\n- name: .a\n", "p.yaml:3: classes[0].name: '.a' begins with '.'" },
	{ CLASSES "- name: b\n- name: a\n", "p.yaml:5: classes[2].name: 'a' is the class in line 3 already" },
	{ CLASSES "  cores: own\n", "p.yaml:4: classes[0].cores: 'own' is unknown (there is: shared, dedicated)" },
	{ CLASSES "  cores: dedcated\n",
	  "p.yaml:4: classes[0].cores: 'dedcated' is unknown (did you mean 'dedicated'?)" },
	{ CLASSES "  cores:\n", "p.yaml:4: classes[0].cores: the value is empty (there is: shared, dedicated)" },
	{ CLASSES "  whole_cores: on\n", "p.yaml:4: classes[0].whole_cores: 'on' is unknown" BOOLS },
	{ CLASSES "  whole_cores: yes\n", "p.yaml:4: classes[0].whole_cores: only for 'cores: dedicated'" },
	{ CLASSES "  cores: shared\n  whole_cores: yes\n",
	  "p.yaml:5: classes[0].whole_cores: only for 'cores: dedicated'" },
	{ CLASSES "  cache: { l3: 8 }\n", "p.yaml:4: classes[0].cache.l3: '8' has no unit" UNITS },
	{ CLASSES "  cache:\n    l3: 0 ways\n", "p.yaml:5: classes[0].cache.l3: '0 ways' is below 1 way" },
	{ CLASSES "  cache:\n    l3: 120%\n", "p.yaml:5: classes[0].cache.l3: '120%' is above 100 %" },
	{ CLASSES "  cache:\n    l3: NaN\n",
	  "p.yaml:5: classes[0].cache.l3: 'NaN' is not a decimal number with a unit" },
	{ CLASSES "  cache:\n    l3: 18446744073709551616 MiB\n",
	  "p.yaml:5: classes[0].cache.l3: '18446744073709551616 MiB' is above 4194304 TiB" },
	{ CLASSES "  cache:\n    l3_code: x\n",
	  "p.yaml:5: classes[0].cache.l3_code: 'x' is not a decimal number with a unit" },
	{ CLASSES "  cache:\n    l3_data: 65 ways\n",
	  "p.yaml:5: classes[0].cache.l3_data: '65 ways' is above 64 ways" },
	{ CLASSES "  cache:\n    l2: 0 %\n", "p.yaml:5: classes[0].cache.l2: '0 %' is not above 0 %" },
	{ CLASSES "  cache: { l3: 1 way,\n    l3_code: 1 way, l3_data: 1 way }\n",
	  "p.yaml:5: classes[0].cache.l3_code: together with l3; it is one or the other" },
	{ CLASSES "  cache: { l3: 1 way,\n    l3_data: 1 way }\n",
	  "p.yaml:5: classes[0].cache.l3_data: together with l3; it is one or the other" },
	{ CLASSES "  cache: { l3_code: 1 way }\n",
	  "p.yaml:4: classes[0].cache.l3_code: without l3_data; it takes both" },
	{ CLASSES "  cache: { l3_data: 1 way }\n",
	  "p.yaml:4: classes[0].cache.l3_data: without l3_code; it takes both" },
	{ CLASSES "  cache: { l2: 1 way,\n   exclusive: yes }\n",
	  "p.yaml:5: classes[0].cache.exclusive: without l3, or l3_code and l3_data" },
	{ CLASSES "  cache:\n    io_ways: yes\n",
	  "p.yaml:5: classes[0].cache.io_ways: without l3, or l3_code and l3_data" },
	{ CLASSES "  cache:\n    exclusive: 1\n", "p.yaml:5: classes[0].cache.exclusive: '1' is unknown" BOOLS },
	{ CLASSES "  cache:\n    io_ways: Yes\n", "p.yaml:5: classes[0].cache.io_ways: 'Yes' is unknown" BOOLS },
	{ CLASSES "  bandwidth: 120 %\n", "p.yaml:4: classes[0].bandwidth: '120 %' is above 100 %" },
	{ CLASSES "  bandwidth: ~\n", "p.yaml:4: classes[0].bandwidth: '~' is not a decimal number with a unit" },
	{ CLASSES "  memory: remote\n", "p.yaml:4: classes[0].memory: 'remote' is unknown (there is: local, any)" },
};

static const struct bad bad_vm[] = {
	{ CLASSES "vms:\n- {name: -v, class: a, vcpus: 1, memory: 1 GiB}\n",
	  "p.yaml:5: vms[0].name: '-v' begins with '-'" },
	{ CLASSES "vms:\n- {name: v, class: b, vcpus: 1, memory: 1 GiB}\n",
	  "p.yaml:5: vms[0].class: no class 'b' is defined (there is: a)" },
	{ HEAD "classes: [ name: latency ]\nvms:\n- {name: v, class: latnecy, vcpus: 1, memory: 1 GiB}\n",
	  "p.yaml:4: vms[0].class: no class 'latnecy' is defined (did you mean 'latency'?)" },
	{ CLASSES "vms:\n- {name: v, class: '', vcpus: 1, memory: 1 GiB}\n",
	  "p.yaml:5: vms[0].class: the value is empty (there is: a)" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 0\n  memory: 1 GiB\n",
	  "p.yaml:7: vms[0].vcpus: '0' is not from 1 to 4096" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 010\n  memory: 1 GiB\n",
	  "p.yaml:7: vms[0].vcpus: '010' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 3.5\n  memory: 1 GiB\n",
	  "p.yaml:7: vms[0].vcpus: '3.5' is not a whole decimal number" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 4097\n  memory: 1 GiB\n",
	  "p.yaml:7: vms[0].vcpus: '4097' is not from 1 to 4096" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 1\n  memory: 1 KiB\n",
	  "p.yaml:8: vms[0].memory: '1 KiB' is below 1 MiB" },
	{ CLASSES "vms:\n- name: v\n  class: a\n  vcpus: 1\n  memory: 50 %\n",
	  "p.yaml:8: vms[0].memory: '50 %' has an unknown unit (there is: B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)" },
	{ VM ",\n match: {} }", "p.yaml:6: vms[0].match: it takes one of name, domain, cgroup and pid" },
	{ VM ",\n match: { name: v, pid: 1 } }",
	  "p.yaml:6: vms[0].match: it takes one of name, domain, cgroup and pid" },
	{ VM ",\n match: { name: '' } }", "p.yaml:6: vms[0].match.name: the value is empty" },
	{ VM ",\n match: { domain: \"a\\tb\" } }", "p.yaml:6: vms[0].match.domain: 'a\tb' has a control character" },
	{ VM ",\n match: { cgroup: // } }", "p.yaml:6: vms[0].match.cgroup: '/' has a slash too many" },
	{ VM ",\n match: { cgroup: / } }", "p.yaml:6: vms[0].match.cgroup: the value is empty" },
	{ VM ",\n match: { cgroup: a/../b } }", "p.yaml:6: vms[0].match.cgroup: 'a/../b' has a part '..'" },
	{ VM ",\n match: { pid: 0 } }", "p.yaml:6: vms[0].match.pid: '0' is not from 1 to 4194303" },
	{ VM ",\n match: { pid: 4194304 } }", "p.yaml:6: vms[0].match.pid: '4194304' is not from 1 to 4194303" },
	{ VM ",\n node: all }", "p.yaml:6: vms[0].node: 'all' is not a whole decimal number "
				"(the kernel's number of a NUMA node, or any)" },
	{ VM ",\n node: 1024 }", "p.yaml:6: vms[0].node: '1024' is not from 0 to 1023 "
				 "(the kernel's number of a NUMA node, or any)" },
	{ VM ",\n span_nodes: 2 }", "p.yaml:6: vms[0].span_nodes: '2' is unknown" BOOLS },
	{ VM ", node: 3,\n span_nodes: yes }",
	  "p.yaml:6: vms[0].span_nodes: together with node 3; it is one or the other" },
	{ VM ",\n exitless_timer: 1 }", "p.yaml:6: vms[0].exitless_timer: '1' is unknown" BOOLS },
	{ VM " }\n- { class: a, vcpus: 1, memory: 1 GiB,\n    name: v }\n",
	  "p.yaml:7: vms[1].name: 'v' is the VM in line 5 already" },
	{ VM " }\n- { name: w, class: a, vcpus: 1, memory: 1 GiB,\n    match: { name: v } }\n",
	  "p.yaml:7: vms[1].match.name: recognises the same VM as 'v' in line 5" },
	{ VM ", match: { name: w } }\n- { name: w, class: a, vcpus: 1, memory: 1 GiB }\n",
	  "p.yaml:6: vms[1].name: recognises the same VM as 'v' in line 5" },
	{ VM ", match: { pid: 9 } }\n- { name: w, class: a, vcpus: 1, memory: 1 GiB, match: { pid: 9 } }\n",
	  "p.yaml:6: vms[1].match.pid: recognises the same VM as 'v' in line 5" },
	{ VM ", match: { cgroup: x/y } }\n- { name: w, class: a, vcpus: 1, memory: 1 GiB, match: { cgroup: /x/y } }\n",
	  "p.yaml:6: vms[1].match.cgroup: recognises the same VM as 'v' in line 5" },
};

static const struct bad bad_host[] = {
	{ CLASSES "housekeeping: { cores: 0 }\n", "p.yaml:4: housekeeping.cores: '0' is not from 1 to 8192" },
	{ CLASSES "housekeeping: { cores: 8193 }\n", "p.yaml:4: housekeeping.cores: '8193' is not from 1 to 8192" },
	{ CLASSES "housekeeping:\n  cores: 1\n  cpus: 0\n",
	  "p.yaml:6: housekeeping.cpus: together with cores; it is one or the other" },
	{ CLASSES "housekeeping: { cpus: 3-1 }\n", "p.yaml:4: housekeeping.cpus: '3-1' is not a list of CPUs "
						   "(ascending numbers and ranges up to 8191, as in 0-1,8)" },
	{ CLASSES "timer_agent:\n  cpus: all\n", "p.yaml:5: timer_agent.cpus: 'all' is not a list of CPUs "
						 "(ascending numbers and ranges up to 8191, as in 0-1,8)" },
	{ CLASSES "timer_agent:\n  cache:\n    l3: 0.5 ways\n",
	  "p.yaml:6: timer_agent.cache.l3: '0.5 ways' is no whole number of ways" },
	{ CLASSES "closids: { free: 16 }\n", "p.yaml:4: closids.free: '16' is not from 0 to 15" },
};

/* Anchors, tags, documents; and what is no YAML at all. */
static const struct bad bad_yaml[] = {
	{ HEAD "classes: &a\n- *a\n", "p.yaml:2: classes: has an anchor; a profile has no anchors and aliases" },
	{ HEAD "classes:\n- name: &n a\n",
	  "p.yaml:3: classes[0].name: has an anchor; a profile has no anchors and aliases" },
	{ HEAD "classes:\n- &c { name: a }\n",
	  "p.yaml:3: classes[0]: has an anchor; a profile has no anchors and aliases" },
	{ HEAD "classes:\n- *c\n", "p.yaml:3: classes[0]: is an alias; a profile has no anchors and aliases" },
	{ HEAD "&k classes:\n", "p.yaml:2: has an anchor; a profile has no anchors and aliases" },
	{ HEAD "classes:\n- name: !!str a\n", "p.yaml:3: classes[0].name: has a tag; a profile has none" },
	{ HEAD "classes: !x []\n", "p.yaml:2: classes: has a tag; a profile has none" },
	{ "!!map { version: 1 }\n", "p.yaml:1: has a tag; a profile has none" },
	{ CLASSES "---\n" CLASSES, "p.yaml:4: a second document begins; a profile is one" },
	{ CLASSES "vms: [[[[[[[\n", "p.yaml:4: vms[0][0][0][0][0]: nested deeper than 6 levels" },
	{ CLASSES "\tcores: shared\n",
	  "p.yaml:4: not YAML: found a tab character that violates indentation while scanning "
	  "a plain scalar (YAML is indented with blanks, not with tabs)" },
	{ CLASSES "  cores: \"shared\n",
	  "p.yaml:5: not YAML: found unexpected end of stream while scanning a quoted scalar" },
	{ CLASSES " cores: shared\n", "p.yaml:4: not YAML: did not find expected key while parsing a block mapping" },
	{ CLASSES "  cores: @shared\n",
	  "p.yaml:4: not YAML: found character that cannot start any token while scanning "
	  "for the next token" },
	{ CLASSES "  cores: \xff\n", "p.yaml:4: not YAML: invalid leading UTF-8 octet" },
	{ CLASSES "  cores: \x01\n", "p.yaml:4: not YAML: control characters are not allowed" },
	{ CLASSES "# caf\xe9s are closed\n", "p.yaml:4: not YAML: invalid trailing UTF-8 octet" },
	{ "\xff\xfev\x01", "p.yaml: it is in UTF-16; a profile is in UTF-8" },
	{ "\xfe\xff\x01v", "p.yaml: it is in UTF-16; a profile is in UTF-8" },
	{ HEAD "classes:\n- name: \"a\\0b\"\n", "p.yaml:3: classes[0].name: has a NUL character" },
	{ HEAD "\"a\\0\": b\n", "p.yaml:2: has a NUL character" },
};

/* ---- The short form of a VM ---------------------------------------------------------------------------------------*/

#define NEEDED "vcpus=4,memory=8GiB,class=latency"

#define KEYS " (there is: name, class, vcpus, memory, node, span_nodes, exitless_timer)"

static const struct bad bad_short[] = {
	{ "", "'' is not KEY=VALUE" },
	{ NEEDED ",", "'' is not KEY=VALUE" },
	{ "vcpus", "'vcpus' is not KEY=VALUE" },
	{ "=4", "unknown key ''" KEYS },
	{ "vcpu=4", "unknown key 'vcpu' (did you mean 'vcpus'?)" },
	{ "match=4", "unknown key 'match'" KEYS },
	{ "memory=8GiB,class=latency", "key 'vcpus' is missing" },
	{ "vcpus=4,class=latency", "key 'memory' is missing" },
	{ "vcpus=4,memory=8GiB", "key 'class' is missing" },
	{ NEEDED ",vcpus=4", "vcpus: given twice" },
	{ "vcpus=,memory=8GiB,class=latency", "vcpus: the value is empty" },
	{ "vcpus=04,memory=8GiB,class=latency",
	  "vcpus: '04' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ "vcpus=4,memory=8,class=latency",
	  "memory: '8' has no unit (there is: B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)" },
	{ "vcpus=4,memory=8GiB,class=x", "class: no class 'x' is defined (there is: batch, latency)" },
	{ NEEDED ",node=1,span_nodes=yes", "span_nodes: together with node 1; it is one or the other" },
	{ NEEDED ",exitless_timer=on", "exitless_timer: 'on' is unknown" BOOLS },
	{ NEEDED ",name=a=b", "name: 'a=b' is not a name (letters A-Z and a-z, digits, '.', '_' and '-')" },
	{ NEEDED ",name=v", "name: 'v' is a VM of the profile, in line 3" },
};

#endif
