# SPDX-License-Identifier: MIT
# lib.sh - what the scripts share: the root of the tree, messages, lists of files.
# shellcheck shell=bash
#
# Sourced, never run: . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# Afterwards the working directory is the root of the tree, so all paths are relative to it.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# heading TEXT: the start of a part of a long output.
heading() { printf '\n== %s\n' "$*"; }

# note TEXT: something worth a line, not a failure.
note() { printf '%s: %s\n' "${0##*/}" "$*"; }

# die TEXT: what was expected, and what to do.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# skip TEXT: the reason why a test cannot run here; 77 is meson's code for a skipped test.
skip() {
	printf '%s: skipped: %s\n' "${0##*/}" "$*"
	exit 77
}

# files DIR... -- SUFFIX...: the files below the folders that end in one of the suffixes, sorted.
files() {
	local folders=() names=()

	while [ "$1" != -- ]; do
		if [ -e "$1" ]; then folders+=("$1"); fi
		shift
	done
	shift
	for suffix in "$@"; do names+=(-o -name "*$suffix"); done
	if [ ${#folders[@]} -eq 0 ]; then return; fi
	find "${folders[@]}" -type f \( "${names[@]:1}" \) | LC_ALL=C sort
}

# sources: every C file of the project.
sources() { files src include tests examples bench -- .c .h .S; }

# scripts WORD: the files whose #! line has the word (bash, python3; '#!' for all).
scripts() {
	find dev .ci tools -type f -exec \
		awk -v want="$1" 'FNR == 1 && /^#!/ && index($0, want) { print FILENAME } { nextfile }' {} + |
		LC_ALL=C sort
}

# packages_in TABLE...: the packages of these tables of doc/DEPENDENCIES.md, a line each, sorted.
packages_in() {
	awk -v tables=" $* " '
		/^## / { is_wanted = index(tables, " " $2 " ") }
		is_wanted && /^\| [a-z0-9+.-]+ \|/ && $2 != "package" { print $2 }' doc/DEPENDENCIES.md |
		LC_ALL=C sort
}
