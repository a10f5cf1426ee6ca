#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# style.sh [CHECK...]: what every source file has to look like. One "ok CHECK" or "not ok CHECK - WHY" line a check, with
# the places behind "# "; fails when a check does. Files are those that git tracks or would track; without git, all
# that are not in build/.
set -u
shopt -s lastpipe # verdict() is the end of pipes and sets a variable
cd "$(dirname "$0")/.." || exit 1
failed=0


# Files without a line of their own for the licence: prose, licence texts, and data that programs read.
no_spdx='^LICENSES/|\.md$|^\.gitignore$|^\.clang-format$|^\.ci/packages$|^tests/vm/matrix$|^bench/traces/.*\.csv$|^tests/fuzz/corpus/|^tests/unit/resctrl/|^tests/unit/machines/'

list_files()
{
	git ls-files -co --exclude-standard 2>/dev/null || find . -name build -prune -o -type f -printf '%P\n'
}

mapfile -t files < <(list_files | sort -u | while read -r file; do
	[ -f "$file" ] && echo "$file"
done)

matching() # REGEX: files by name
{
	printf '%s\n' "${files[@]}" | grep -E "$1"
}

not_matching()
{
	printf '%s\n' "${files[@]}" | grep -vE "$1"
}

scripts() # SHELL: those that begin with "#!/bin/SHELL", and what bash sources
{
	local file
	for file in "${files[@]}"; do
		head -n 1 "$file" | grep -qaE "^#! ?(/usr)?/bin/(env )?$1\$" && echo "$file"
	done
	[ "$1" != bash ] || matching '\.bash$'
}

verdict() # CHECK: the places where it fails come on stdin
{
	local places count
	places=$(cat)
	if [ -z "$places" ]; then
		echo "ok $1"
		return
	fi
	count=$(wc -l <<<"$places")
	echo "not ok $1 - $(head -n 1 <<<"$places")$([ "$count" = 1 ] || echo " and $((count - 1)) more")"
	sed 's/^/# /' <<<"$places"
	failed=1
}

skip() # CHECK PROGRAM: true, and said, when the program is not there
{
	command -v "$2" >/dev/null && return 1
	echo "ok $1 # SKIP $2 is not installed"
}

# On the first line, or below a script's "#!"; each licence that it names is in LICENSES/.
check_spdx()
{
	local file line name
	not_matching "$no_spdx" | while read -r file; do
		line=$(head -n 2 "$file" | grep -am 1 'SPDX-License-Identifier: ')
		[ -n "$line" ] || echo "$file: no SPDX-License-Identifier on top"
		for name in $(sed 's/.*Identifier: //; s,\*/,,; s/[()]//g' <<<"$line"); do
			case $name in
			AND | OR | WITH) ;;
			*) [ -f "LICENSES/$name.txt" ] || echo "$file: no LICENSES/$name.txt" ;;
			esac
		done
	done | verdict "spdx"
}

check_format()
{
	skip clang-format clang-format && return
	matching '\.[ch]$' | xargs clang-format --dry-run -Werror 2>&1 | grep -E '(error|warning):' | cut -d' ' -f1,3- |
		verdict clang-format
}

check_whitespace()
{
	not_matching '^LICENSES/' | xargs grep -nIE '[[:blank:]]+$' | cut -c1-120 | verdict "trailing whitespace"
}

check_length()
{
	local lines file
	# Longer than that, a file is two.
	not_matching '^LICENSES/|\.md$|\.csv$' | xargs wc -l | while read -r lines file; do
		[ "$lines" -le 700 ] || [ "$file" = total ] || echo "$file: $lines lines"
	done | verdict "length"
}

# Paths of the machine that it was written on. A template of mkstemp() is none, nor is what lies in a micro-VM.
check_paths()
{
	not_matching '^LICENSES/' | xargs grep -nIE '(^|[^[:alnum:]_.$}/-]|-[IL])/(work|home|root|tmp)/[[:alnum:]_]' |
		grep -vE '/tmp/[[:alnum:]_.-]*XXXXXX|^bench/[a-z]*_guest\.c:' | cut -c1-120 | verdict "no paths of one machine"
}

check_man()
{
	skip mandoc mandoc && return
	matching '^docs/.*\.[1-8]$' | xargs mandoc -Tlint -W warning 2>&1 | verdict mandoc
}

check_scripts()
{
	local shell file
	for shell in sh bash; do
		scripts "$shell" | while read -r file; do
			"$shell" -n "$file" 2>&1 | head -n 1
		done
	done | verdict "shell syntax"
	skip shellcheck shellcheck && return
	for shell in sh bash; do
		scripts "$shell" | xargs -r shellcheck -s "$shell" -f gcc -S warning -e SC2034 2>&1 # unused: counters
	done | verdict shellcheck
}

check_executable()
{
	local file
	{ scripts sh; scripts bash; } | sort -u | grep -v '\.bash$' | while read -r file; do
		[ -x "$file" ] || echo "$file: has #! but is not executable"
	done | verdict "scripts are executable"
}

# What sed's script $2 finds in file $1, or "nothing".
version_in()
{
	local found
	found=$(sed -n "$2" "$1" 2>/dev/null)
	echo "$1 ${found:-nothing}"
}

# All that have a version have the Makefile's. Man pages need none; some have one behind .Os.
check_version()
{
	local version file found
	version=$(sed -n 's/^VERSION *:= *//p' Makefile)
	{
		version_in Makefile 's/^VERSION *:= *\([0-9.]*\)$/\1/p'
		version_in guest/dkms.conf 's/^PACKAGE_VERSION="\(.*\)"$/\1/p'
		version_in guest/sip.h 's/^#define SIP_VERSION "\(.*\)"$/\1/p'
		matching '^docs/.*\.[1-8]$' | xargs sed -n 's/^\.Os isolat \(.*\)$/docs \1/p'
	} | while read -r file found; do
		[ "$found" = "$version" ] && [ -n "$version" ] || echo "$file: $found, and the Makefile says '$version'"
	done | verdict "versions agree"
}

checks='spdx format whitespace length paths man scripts executable version'
[ $# -gt 0 ] || read -ra all <<<"$checks"
for check in "${@:-${all[@]}}"; do
	if ! declare -F "check_$check" >/dev/null; then
		echo "style.sh: no check '$check'; there are: $checks" >&2
		exit 2
	fi
	"check_$check"
done
exit "$failed"
