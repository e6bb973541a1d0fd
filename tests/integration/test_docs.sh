# SPDX-License-Identifier: BSD-3-Clause
# Manual pages, completion, reference, troubleshooting: what they promise is there, and what is there is in them.

# every option that a table of the sources has: section and name
option_table() { sed -nE 's/.*\<(NUM|FLAG|OFF|TEXT|CALL|ENUM)\("([a-z]+)", "([a-z0-9-]+)".*/\2 \3/p' "$TOP"/app/*.c "$TOP"/run/*.c; }

# The pages have nothing that mandoc or groff warn of, every option and key of the sources, every function of tern.h.
test_man() {
	local page section name of pages=$BUILD/docs/man
	for page in "$pages"/tern.1 "$pages"/tern.cfg.5 "$pages"/libtern.3 "$TOP"/docs/man/*.1; do
		mandoc -Tlint -Wwarning "$page" >"$LIB_TMP/lint" 2>&1 || fail "mandoc: $(head -3 "$LIB_TMP/lint")"
		groff -mdoc -ww -z -Tutf8 "$page" 2>"$LIB_TMP/groff.err" || fail "groff"
		[ ! -s "$LIB_TMP/groff.err" ] || fail "groff warns of $page: $(cat "$LIB_TMP/groff.err")"
	done
	option_table >"$LIB_TMP/table"
	[ "$(wc -l <"$LIB_TMP/table")" -ge 80 ] || fail "the tables of options are not found"
	while read -r section name; do
		grep -qE "^\.It Fl -$name( |$)" "$pages/tern.1" || fail "--$name is not in tern(1)"
		[ "$name" = if ] && continue # a section's name says it
		[ "$section" != if ] || section=if0
		sed -n "/^\.Ss .*\[$section\]/,/^\.S[sh]/p" "$pages/tern.cfg.5" >"$LIB_TMP/part"
		sed -n "2,\$p" "$LIB_TMP/part" | grep -q "^\.It Ic $name No" || fail "[$section] of tern.cfg(5) lacks $name"
	done <"$LIB_TMP/table"
	for of in run ctl report explain; do
		"$TERN" $of --help >"$LIB_TMP/help" || fail "tern $of --help"
		grep -q "^\.It Cm $of\>" "$pages/tern.1" || fail "tern $of is not in tern(1)"
		for name in $(grep -oE -- '(^|[[ ])-?-[a-z][a-z-]*' "$LIB_TMP/help" | sed 's/.*[[ ]-*//; s/^-*//' | sort -u); do
			grep -qE "Fl -?$name( |$)" "$pages/tern.1" || fail "tern $of's option $name is not in tern(1)"
		done
	done
	for name in $("$TERN" explain --help | awk '/^  [a-z]/ { print $1 }') $("$TERN" --help | sed -n '/^Roles/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		grep -q "^\.It Cm $name$" "$pages/tern.1" || fail "the scene or role $name is not in tern(1)"
	done
	nm -D --defined-only "$BUILD/lib/libtern.so" | awk '$2 == "T" { print $3 }' >"$LIB_TMP/functions"
	[ "$(wc -l <"$LIB_TMP/functions")" -ge 70 ] || fail "libtern.so has few functions"
	while read -r name; do
		grep -q "Fn $name\>" "$pages/libtern.3" || fail "$name is not in libtern(3)"
	done <"$LIB_TMP/functions"
	"$TERN" run --help | grep -oE -- '^  --[a-z-]+' | sed 's/ *--//' >"$LIB_TMP/options" || fail "tern run --help"
	[ "$(wc -l <"$LIB_TMP/options")" -ge 5 ] || fail "tern run --help has few options"
	while read -r name; do grep -q "^\.It Fl -$name\b" "$TOP/docs/man/tern-run.1" || fail "--$name is not in tern-run(1)"; done <"$LIB_TMP/options"
}

# offers WORDS...: what the completion has for the last word, a line each; "=" is a word of its own, as bash cuts it.
offers() {
	COMP_WORDS=("$TERN" "$@") COMP_CWORD=$# COMPREPLY=()
	_tern
	printf '%s\n' "${COMPREPLY[@]}"
}

want_offers() { # "WANTED..." WORDS...
	local w
	offers "${@:2}" >"$LIB_TMP/offers"
	for w in $1; do grep -qxF -e "$w" "$LIB_TMP/offers" || fail "tern ${*:2}<TAB> does not offer $w, but $(tr '\n' ' ' <"$LIB_TMP/offers")"; done
}

want_only() { # "WANTED..." WORDS...
	want_offers "$@"
	[ "$(wc -l <"$LIB_TMP/offers")" = "$(wc -w <<<"$1")" ] || fail "tern ${*:2}<TAB> offers more than $1: $(tr '\n' ' ' <"$LIB_TMP/offers")"
}

# Every option, command, scene and value of a few that there is, and nothing else where that is known.
test_completion() {
	local section name words said=()
	. "$TOP/config/tern.bash" || fail "it can't be read"
	complete -p tern | grep -q _tern || fail "it does not register itself"
	want_only 'run report' r
	want_offers 'run ctl top report explain check --config --help --version --' ''
	offers -- '' >"$LIB_TMP/all"
	offers run '' >"$LIB_TMP/run"
	option_table >"$LIB_TMP/table"
	while read -r section name; do
		case $section in
		run) ;;
		*) grep -qx -- "--$name" "$LIB_TMP/all" || fail "tern -- <TAB> does not offer --$name" ;;
		esac
		case $section in
		run | tern | if | tcp) grep -qx -- "--$name" "$LIB_TMP/run" || fail "tern run <TAB> does not offer --$name" ;;
		*) ! grep -qx -- "--$name" "$LIB_TMP/run" || fail "tern run <TAB> offers --$name" ;;
		esac
	done <"$LIB_TMP/table"
	want_only '--to --total --total-num-mbufs' -- --role proxy --to
	want_only 'auto always never' -- --syn-cookies ''
	want_only 'cubic' -- --cc = cu
	want_only 'cubic newreno dctcp' -- --cc =
	want_only 'client server reset' check -l 0 -- --close ''
	want_offers 'http echo discard serve client bench wire proxy' -- --role ''
	want_only 'irq nap spin' run --idle ''
	want_offers 'bash' run --stats -- bas
	want_only "$LIB_TMP/www" -- --root "$LIB_TMP/ww"
	want_only "$LIB_TMP/www/index.html" --config "$LIB_TMP/www/i"
	want_only "$LIB_TMP/www/index.html" report -o "$LIB_TMP/www/i"
	want_only 'syn-flood' explain handshake syn
	sed -nE 's/^\t\{"([a-z ]+)", .*/\1/p' "$TOP/app/ctl.c" >"$LIB_TMP/commands"
	[ "$(wc -l <"$LIB_TMP/commands")" -ge 20 ] || fail "the table of commands is not found"
	while read -r words; do
		said=()
		for name in $words; do
			want_offers "$name" ctl --socket x --json "${said[@]}" ''
			said+=("$name")
		done
	done <"$LIB_TMP/commands"
}

# doxygen warns of nothing in tern.h, and has every function and the words of a field.
test_reference() {
	local dir=$BUILD/reference name
	rm -rf "$dir"
	ninja -C "$BUILD" reference >"$LIB_TMP/doxygen" 2>&1 || fail "doxygen: $(grep -m 3 -E 'error|warning' "$LIB_TMP/doxygen")"
	! grep -iE 'warning|error' "$LIB_TMP/doxygen" || fail "doxygen warns"
	for name in $(grep -ohE '^[a-z].*\<tern_[a-z_0-9]+\(' "$TOP/lib/tern.h" | grep -oE 'tern_[a-z_0-9]+\($'); do
		grep -qF "${name%(}</a>" "$dir/tern_8h.html" || fail "${name%(} is not in the reference"
	done
	grep -q 'orphaned FIN-WAIT-2' "$dir/structtern__tcp__conf.html" || fail "what is said of a field is not in the reference"
	grep -q 'Handle rule' "$dir/index.html" || fail "the rules are not on its first page"
}

# What docs/coming-from.md has on its right side is tern's: options, and functions. EAL's own are listed here.
test_coming_from() {
	local o page=$TOP/docs/coming-from.md n=0
	{ "$TERN" --help; "$TERN" run --help; } | grep -oE -- '^  --[a-z0-9-]+' >"$LIB_TMP/help"
	printf '  --%s\n' help socket-mem vdev nb-cores stats-period >>"$LIB_TMP/help"
	awk -F' \\| ' '/^\|/ { print $2 }' "$page" >"$LIB_TMP/right"
	for o in $(grep -v '^|' "$page" | cat - "$LIB_TMP/right" | grep -oE -- '--[a-z0-9]+[a-z0-9-]*' | sort -u); do
		grep -qx -e "  $o" "$LIB_TMP/help" || fail "$page has $o, which tern has not"
		n=$((n + 1))
	done
	[ $n -ge 50 ] || fail "only $n options are found in $page"
	for o in $(grep -oE '\<tern_[a-z_]+\(' "$page" | sort -u); do grep -qF "$o" "$TOP/lib/tern.h" || fail "$page has $o), which tern.h has not"; done
}

# What `meson install` puts where, as debian/*.install takes it into packages; the version is one. scripts/package.sh does the rest.
test_install() {
	local prefix root=$LIB_TMP/root pattern files=() version
	meson install -C "$BUILD" --no-rebuild --destdir "$root" >"$LIB_TMP/install.log" 2>&1 || fail "meson install"
	prefix=$(meson introspect "$BUILD" --buildoptions | python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
	while read -r pattern; do
		# a pattern is meant
		# shellcheck disable=SC2206
		files=("$root$prefix"/${pattern#usr/})
		[ -e "${files[0]}" ] || fail "debian/ takes $pattern, which meson does not install"
	done < <(cat "$TOP"/debian/*.install)
	for pattern in bin/tern share/man/man{1/tern.1,1/tern-run.1,1/tern-ctl.1,5/tern.cfg.5,3/libtern.3} share/bash-completion/completions/tern; do
		[ -s "$root$prefix/$pattern" ] || fail "$pattern is not installed"
	done
	"$root$prefix/bin/tern" explain handshake >"$LIB_TMP/scene" || fail "the installed program ended with $?"
	version=$("$root$prefix/bin/tern" --version 2>/dev/null | sed 's/tern \(.*\),.*/\1/')
	[ "$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)" = "$version" ] || fail "debian/changelog is not of version $version"
}

# Every message that docs/troubleshooting.md quotes is one that the sources have, and lines begin as it says.
test_troubleshooting() {
	local page=$TOP/docs/troubleshooting.md n
	n=$(python3 "$HERE/messages.py" "$page" "$TOP"/app/*.c "$TOP"/run/*.c "$TOP"/lib/*/*.c 2>"$LIB_TMP/messages.err") ||
		fail "$(cat "$LIB_TMP/messages.err")"
	[ "$n" -ge 60 ] || fail "only $n messages are in the page"
	sed 's/`no address: give --addr/`no adress: give --addr/' "$page" >"$LIB_TMP/wrong.md"
	python3 "$HERE/messages.py" "$LIB_TMP/wrong.md" "$TOP"/app/*.c "$TOP"/run/*.c "$TOP"/lib/*/*.c 2>/dev/null && fail "a wrong message is let through"
	"$TERN" -- --role http --body x >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" && fail "started without an address"
	grep -qF 'tern: no address: give --addr ADDR/PREFIX or --addr6, or addr = ... in [if0]' "$LIB_TMP/tern.err" || fail "tern has other words"
	"$TERN" ctl --socket "$LIB_TMP/none" help >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" && fail "ctl found a tern"
	grep -q '^tern: ctl: ' "$LIB_TMP/tern.err" || fail "tern ctl has other words"
}
