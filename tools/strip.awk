# SPDX-License-Identifier: MIT
# strip.awk - C without its comments and the insides of its strings, line for line.
#
# What is left has the line numbers of the original, so a search in it finds code only. A line
# comment leaves its // behind, since those are to be found too.
{
	rest = $0
	code = ""
	while (rest != "") {
		if (in_comment) {
			end = index(rest, "*/")
			if (!end)
				break
			rest = substr(rest, end + 2)
			in_comment = 0
		}
		if (!match(rest, /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\/\*|\/\//)) {
			code = code rest
			break
		}
		found = substr(rest, RSTART, RLENGTH)
		code = code substr(rest, 1, RSTART - 1)
		rest = substr(rest, RSTART + RLENGTH)
		if (found == "/*")
			in_comment = 1
		else if (found == "//") {
			code = code "//"
			break
		} else
			code = code substr(found, 1, 1) substr(found, 1, 1)
	}
	print code
}
