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
			if ((word[at] == option || word[1] == option ",") && word[at + 1] ~ /^([A-Z][][A-Z,.=]*|[a-z-]+([|][a-z-]+)+)$/)
				print word[at + 1]
		}'
}

# How many of the words "${@:2}" are a command, of $1 words, and its options: what follows is the program. "--" belongs
# to the options.
_isolat_options()
{
	local -a words=("${@:2}")
	local at=$1

	while [[ $at -lt ${#words[@]} && ${words[at]} == -?* ]]; do
		[[ ${words[at]} == -- ]] && { echo $((at + 1)); return; }
		[[ -n $(_isolat_argument "${words[at]}" "${words[@]:0:$1}") ]] && at=$((at + 1))
		at=$((at + 1))
	done
	echo "$at"
}

# Completes the program, which is word $1, or an argument of it; fails where the cursor is before that, or on an option.
_isolat_program()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}

	[[ $1 -le $COMP_CWORD ]] || return
	if [[ $1 -lt $COMP_CWORD ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	elif [[ $current == -* && $previous != -- ]]; then
		return 1
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
	fi
}

_isolat()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word verbs kind
	local -a command=("$1")

	# How far the words before the cursor are verbs.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		verbs=" $(_isolat_section Verbs "${command[@]}" | tr '\n' ' ') "
		[[ $word != -* && $word != help && $verbs == *" $word "* ]] && command+=("$word")
	done
	COMPREPLY=()
	# A command comes behind --class, at the earliest.
	[[ ${COMP_WORDS[1]} == run && $COMP_CWORD -gt 2 ]] &&
		_isolat_program "$(_isolat_options 2 "${COMP_WORDS[@]:0:COMP_CWORD}")" && return
	kind=$(_isolat_argument "$previous" "${command[@]}")
	case $kind in
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
	*"|"*)
		mapfile -t COMPREPLY < <(compgen -W "${kind//|/ }" -- "$current")
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
	program=$(_isolat_options 1 "${COMP_WORDS[@]:0:COMP_CWORD}")

	COMPREPLY=()
	_isolat_program "$program" && return
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
	"") mapfile -t COMPREPLY < <(compgen -W "$(_isolat_section Options "$1")" -- "$current") ;;
	esac
}

complete -F _isolat isolat
complete -F _isolat_microvm isolat-microvm
