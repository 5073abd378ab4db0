/* SPDX-License-Identifier: MIT */
/* guest_preload.c - the modules that the forkserver of a guest is to have imported. */
#include <stdio.h>
#include <string.h>

#include "actor/forkserver.h"
#include "actor/guest.h"

/*
 * They travel as one text, which is also what tells one forkserver from another. So no name
 * has a comma; what else a name may be is for Python to say.
 */

static int check_name(const char *name, size_t before)
{
	if (!*name || strchr(name, ','))
		return acre_fail(EINVAL,
				 "\"%.64s\" cannot be a module to preload: that is "
				 "one name, as after `import`",
				 name);
	if (before + strlen(name) + 1 > FORKSERVER_IMPORTS_MAX)
		return acre_fail(
			EINVAL,
			"the names of the modules to preload take more than %d bytes",
			FORKSERVER_IMPORTS_MAX);
	return 0;
}

int guest_check_preload(const struct acre_guest *guest)
{
	size_t used = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && guest->preload && guest->preload[i]; i++) {
		r = check_name(guest->preload[i], used);
		used += strlen(guest->preload[i]) + 1; /* and what is behind it */
	}
	return r;
}

void guest_join_preload(const struct acre_guest *guest, char *ret)
{
	size_t used = 0;

	*ret = '\0';
	for (size_t i = 0; guest && guest->preload && guest->preload[i]; i++)
		used += (size_t)snprintf(ret + used, FORKSERVER_IMPORTS_MAX - used,
					 "%s%s", i ? "," : "", guest->preload[i]);
}
