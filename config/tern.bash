# SPDX-License-Identifier: BSD-3-Clause
# Completion of tern's command line for bash. Options, roles and scenes are asked of the program whose name was typed, so
# they are its own; its values of a word like `auto|always|never`, too.

# shellcheck disable=SC2207 # words that have no blanks
# NAME ARG of each option on stdin, as a --help lists it
_tern_options() { sed -nE 's/^  (--[a-z0-9-]+)( ([^ ]+))? .*/\1 \3/p'; }

# what may stand behind option $1 of the list $2; false: nothing can be known, or it takes none
_tern_value() {
	local arg
	arg=$(sed -nE "s/^$1 +(.+)/\1/p" <<<"$2")
	case $arg in
	'') return 1 ;;
	*'|'*) COMPREPLY=($(compgen -W "${arg//|/ }" -- "$cur")) ;;
	ROLE) COMPREPLY=($(compgen -W "$("$tern" --help 2>/dev/null | sed -nE '/^Roles:/,/^$/s/^  ([a-z]+) .*/\1/p')" -- "$cur")) ;;
	FILE | PATH | DIR)
		compopt -o filenames 2>/dev/null
		[ "$arg" = DIR ] && mapfile -t COMPREPLY < <(compgen -d -- "$cur") || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}

# options of the list $1, or what is to stand behind the one that was typed before
_tern_option() {
	case $prev in --*) _tern_value "$prev" "$1" && return ;; esac
	COMPREPLY=($(compgen -W "${*:2} $(sed 's/ .*//' <<<"$1")" -- "$cur"))
}

_tern_run() { # SPLIT: the index of --, 0: there is none
	local list
	if [ "$1" = 0 ]; then
		# its own, and those of [tern], [if0] and [tcp]
		list=$'--config FILE\n'$("$tern" run --help 2>/dev/null | _tern_options)$'\n'$("$tern" --help 2>/dev/null |
			sed -nE '/^Options.*\[(tern|if0|tcp)\]/,/^$/p' | _tern_options)
		_tern_option "$list" --help --
	elif declare -F _command_offset >/dev/null; then
		_command_offset $(($1 + 1))
	elif [ $COMP_CWORD = $(($1 + 1)) ]; then
		COMPREPLY=($(compgen -c -- "$cur"))
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

_tern_ctl() {
	local i said=
	[ "$prev" = --socket ] && _tern_value --socket '--socket PATH' && return
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) i=$((i + 1)) ;;
		-*) ;;
		*) said+=" ${COMP_WORDS[i]}" ;;
		esac
	done
	case $said in
	'') set -- --socket --json --help help show clear set capture trace stop start drain quit ;;
	' show') set -- conns listeners drops workers memory stats role timers neigh routes capture port ;;
	' show conns'*) set -- -i state exclude ;;
	' show drops') set -- all ;;
	' capture') set -- stop && mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	' trace') set -- on off ;;
	' clear') set -- stats port ;;
	' show port') set -- info stats xstats rss ;;
	' clear port') set -- stats xstats ;;
	' show port '* | ' clear port '*) set -- all ;;
	' set') set -- log cps concurrency ;;
	' set log') set -- emergency alert critical error warning notice info debug ;;
	' stop' | ' start') set -- accepting ;;
	*) return ;;
	esac
	COMPREPLY=($(compgen -W "$*" -- "$cur"))
}

_tern() {
	local tern=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i split=0 list
	COMPREPLY=()
	# --name=value comes as three words
	[ "$cur" = = ] && cur=
	[ "$prev" = = ] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = -- ] && split=$i && break
	done
	case $([ $COMP_CWORD -gt 1 ] && echo "${COMP_WORDS[1]}") in
	run) _tern_run $split && return ;;
	ctl) _tern_ctl && return ;;
	top)
		COMPREPLY=($(compgen -W '-i -n --help' -- "$cur"))
		[[ $cur == -* || $prev == -[in] ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	explain) COMPREPLY=($(compgen -W "--help --svg $("$tern" explain --help 2>/dev/null | sed -nE 's/^  ([a-z-]+) .*/\1/p')" -- "$cur")) && return ;;
	report)
		[[ $cur == -* ]] && COMPREPLY=($(compgen -W '-o --help' -- "$cur")) && return
		_tern_value -o '-o FILE' && return
		;;
	esac
	if [ $split != 0 ]; then
		list=$("$tern" --help 2>/dev/null | _tern_options)
		_tern_option "$list" -i
		return
	fi
	list=$'--config FILE\n--version\n--help'
	[ $COMP_CWORD = 1 ] && set -- run ctl top report explain check || set --
	# of EAL's options those that are needed most
	_tern_option "$list" "$@" -- -l -a -m --vdev --no-huge --no-pci --in-memory --no-shconf --no-telemetry --file-prefix --log-level
}
complete -F _tern tern
