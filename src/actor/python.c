/* SPDX-License-Identifier: MIT */
/* python.c - the Python plug-in is looked for, loaded, and given what it may call. */
#include "actor/python.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <acre/run.h>

#include "base/environment.h"
#include "base/sys.h"
#include "base/util.h"
#include "core/debug.h"
#include "core/report.h"

#define WHY_MAX 512 /* bytes of a reason, with the end: the words of a loader */

static bool is_file(const char *path)
{
	struct stat st;

	return sys_fstatat(AT_FDCWD, path, &st, 0) >= 0 && S_ISREG(st.st_mode);
}

/* `path` names another file in its folder. */
static bool find_beside(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (!slash || (size_t)(slash - path) + sizeof "/" PYTHON_PLUGIN > PATH_MAX)
		return false;
	memcpy(slash, "/" PYTHON_PLUGIN, sizeof "/" PYTHON_PLUGIN);
	return is_file(path);
}

static bool find_beside_program(char path[PATH_MAX])
{
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self/exe", path, PATH_MAX - 1);

	path[n < 0 ? 0 : n] = '\0';
	return find_beside(path);
}

/* The one that we are, wherever it was moved to. */
static bool find_beside_library(char path[PATH_MAX])
{
	static const char here;
	Dl_info library;

	if (!dladdr(&here, &library))
		return false;
	snprintf(path, PATH_MAX, "%s", library.dli_fname);
	return find_beside(path);
}

static bool find(char path[PATH_MAX])
{
	const char *named = environment(ENVIRONMENT_ACRE_PYTHON_PLUGIN);

	if (named) {
		snprintf(path, PATH_MAX, "%s", named);
		return is_file(path);
	}
	if (find_beside_program(path) || find_beside_library(path))
		return true;
	snprintf(path, PATH_MAX, "%s", ACRE_LIBDIR "/" PYTHON_PLUGIN);
	return is_file(path);
}

const char *python_why_not(void)
{
	static _Thread_local char why[WHY_MAX];
	char path[PATH_MAX];

	if (find(path))
		return NULL;
	snprintf(why, sizeof why, "this build holds no Python guests (there is no %.*s)",
		 WHY_MAX / 2, path);
	return why;
}

static const struct sys_table *sys_table_now(void)
{
	return sys_used();
}

static bool plant_is_on_here(enum planted_bug bug)
{
#ifdef ACRE_PLANTS
	return plant_is_on(bug);
#else
	(void)bug;
	return false;
#endif
}

int python_failure(int class, struct acre_bytes type, struct acre_bytes text,
		   struct acre_bytes trace)
{
	struct report *rep = report_new(class);
	struct acre_report *p = rep ? report_public(rep) : NULL;

	if (p) {
		if (class == ACRE_EGUEST)
			acre_ignore(report_set_text(rep, &p->name, type.data, type.len));
		acre_ignore(report_set_text(rep, &p->message, text.data, text.len));
		acre_ignore(report_set_text(rep, &p->trace, trace.data, trace.len));
	}
	return report_file(rep, class);
}

static struct acre_bytes bytes_of(const char *text)
{
	return (struct acre_bytes){ text, strlen(text) };
}

/* Where the class is ours the text says the type. */
int python_fail(int class, const char *type, const char *text, const char *trace)
{
	char message[REPORT_TEXT_MAX];

	snprintf(message, sizeof message, "%s%s%s", class == ACRE_EGUEST ? "" : type,
		 class == ACRE_EGUEST || !*text ? "" : ": ", text);
	return python_failure(class, bytes_of(type), bytes_of(message), bytes_of(trace));
}

#define AS_GIVEN(name) .name = name,

static const struct python_host host = { .sys_table = sys_table_now,
					 .poll = sys_poll,
					 .environment = environment,
					 .plant_is_on = plant_is_on_here,
					 .fail_with_trace = python_fail,
					 .forked_begin_in_child = forked_begin_in_child,
					 PYTHON_HOST_CALLS(AS_GIVEN)
						 PYTHON_GUEST_CALLS(AS_GIVEN) };

/* Its symbols are for all: modules of Python that are loaded later look for it there. */
static int open_plugin(const char *path, const struct python_plugin **ret)
{
	static struct python_host given;
	void *object = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	python_entry_fn *entry;

	if (!object)
		return acre_fail(EOPNOTSUPP, "the Python plug-in does not load: %s",
				 dlerror());
	entry = (python_entry_fn *)(uintptr_t)dlsym(object, PYTHON_PLUGIN_SYMBOL);
	given = host;
	given.version = acre_version();
	*ret = entry ? entry(&given) : NULL;
	if (!*ret || strcmp((*ret)->version, given.version) != 0)
		return acre_fail(EOPNOTSUPP, "%s is of acre %s, and this is acre %s",
				 path, *ret ? (*ret)->version : "unknown", given.version);
	atomic_store(&acre_debug_root.python, (uintptr_t)(*ret)->layout());
	return 0;
}

int python_load(const struct python_plugin **ret)
{
	char path[PATH_MAX];

	if (!find(path))
		return acre_fail(EOPNOTSUPP, "%s", python_why_not());
	return open_plugin(path, ret);
}
