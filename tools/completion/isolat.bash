# SPDX-License-Identifier: BSD-3-Clause
# bash completion for isolat. Verbs and options come from the command's own help, so they cannot go stale.

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

# Whether option $1 of the command "${@:2}" takes an argument, and of which kind: prints its name in the help.
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
			if ((word[at] == option || word[1] == option ",") && word[at + 1] ~ /^[A-Z][A-Z,.]*$/)
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

complete -F _isolat isolat
