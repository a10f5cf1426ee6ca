# SPDX-License-Identifier: BSD-3-Clause
# bash completion for isolat and isolat-microvm. Verbs and options come from the commands' own help, so they cannot go
# stale.

# The words of a section ("Verbs", "Options") of the help of "$@": a verb, or the long option of each line.
_isolat_section()
{
	local section=$1
	shift
	# isolat shows help with exit status 0, and anything else means that these are no verbs.
	"$@" --help 2>/dev/null </dev/null | awk -v section="$section:" '
		/^[^ ]/ { inside = $0 == section; next }
		inside && /^  [a-z]/ { print $1 }
		inside && /^ +(-[a-zA-Z], )?--/ { sub(/^ +(-[a-zA-Z], )?/, ""); print $1 }'
}

# Whether option $1 of the command "${@:2}" takes an argument, and of which kind: prints its name in the help, which is
# in capitals (N, FROM[=TO]) or the words to choose from (auto|kvm|tcg).
_isolat_argument()
{
	local option=$1
	shift
	"$@" --help 2>/dev/null </dev/null | awk -v option="$option" '
		/^ +(-[a-zA-Z], )?--/ {
			line = $0
			sub(/^ +/, "", line)
			count = split(line, word, " ")
			at = word[1] ~ /^-[a-zA-Z],$/ ? 2 : 1
			if ((word[at] == option || word[1] == option ",") && word[at + 1] ~ /^([A-Z][][A-Z,.=]*|[a-z]+([|][a-z]+)+)$/)
				print word[at + 1]
		}'
}

_isolat()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word verbs
	local -a command=("$1")

	# How far the words before the cursor are verbs.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		verbs=" $(_isolat_section Verbs "${command[@]}" | tr '\n' ' ') "
		[[ $word != -* && $word != help && $verbs == *" $word "* ]] && command+=("$word")
	done
	COMPREPLY=()
	case $(_isolat_argument "$previous" "${command[@]}") in
	DIR)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	FILE | NAME)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	"") ;;
	*) return ;; # a number
	esac
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_isolat_section Options "${command[@]}")" -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_isolat_section Verbs "${command[@]}")" -- "$current")
	fi
}

# How many of the words "$@" are the command and its options: what follows is the program. "--" belongs to the options.
_isolat_microvm_options()
{
	local -a words=("$@")
	local at=1

	while [[ $at -lt $# && ${words[at]} == -?* ]]; do
		[[ ${words[at]} == -- ]] && { echo $((at + 1)); return; }
		[[ -n $(_isolat_argument "${words[at]}" "$1") ]] && at=$((at + 1))
		at=$((at + 1))
	done
	echo "$at"
}

# Kernels that isolat-microvm finds by name.
_isolat_microvm_kernels()
{
	local path

	for path in "${ISOLAT_KERNELS:-/var/lib/isolat/kernels}"/*/vmlinuz /boot/vmlinuz-*; do
		[[ -e $path ]] || continue
		case $path in
		*/vmlinuz) path=${path%/vmlinuz} && echo "${path##*/}" ;;
		*) echo "${path#*/vmlinuz-}" ;;
		esac
	done
}

_isolat_microvm()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program kind
	program=$(_isolat_microvm_options "${COMP_WORDS[@]:0:COMP_CWORD}")

	COMPREPLY=()
	if [[ $program -lt $COMP_CWORD ]]; then # an argument of the program
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	kind=
	[[ $program -gt $COMP_CWORD ]] && kind=$(_isolat_argument "$previous" "$1")
	case $kind in
	FILE | FROM*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	NAME)
		mapfile -t COMPREPLY < <(compgen -f -W "$(_isolat_microvm_kernels)" -- "$current")
		;;
	*"|"*)
		mapfile -t COMPREPLY < <(compgen -W "${kind//|/ }" -- "$current")
		;;
	"")
		if [[ $current == -* && $previous != -- ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_isolat_section Options "$1")" -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$current")
		fi
		;;
	esac
}

complete -F _isolat isolat
complete -F _isolat_microvm isolat-microvm
