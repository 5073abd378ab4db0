/* SPDX-License-Identifier: MIT */
/* plugin.c - the one door of the plug-in: a table of calls in, and one out. */
#include "py/plugin.h"

#include "base/sys.h"
#include "py/beside.h"
#include "py/guest.h"
#include "py/layout.h"
#include "py/probe.h"
#include "py/subint.h"

/* The wrappers of base/sys.h call through it, as they do in the library. */
const struct sys_table *_Atomic sys;

const struct python_host *plugin_host;

int sys_poll(struct pollfd *fds, nfds_t n, int64_t timeout_ns)
{
	return plugin_host->poll(fds, n, timeout_ns);
}

#ifdef ACRE_PLANTS
bool plant_is_on(enum planted_bug bug)
{
	return plugin_host->plant_is_on(bug);
}
#endif

static const char *python(void)
{
	return Py_GetVersion();
}

static const struct python_plugin plugin = {
	.version = ACRE_PLUGIN_VERSION,
	.python = python,
	.layout = layout_of_python,
	.probe = probe_run,
	.subint_begin = subint_begin,
	.subint_run = subint_run,
	.main_run = subint_main_run,
	.guest_warm = guest_warm,
	.guest_import = guest_import,
	.guest_is_warm = guest_is_warm,
	.before_fork = guest_before_fork,
	.after_fork_parent = guest_after_fork_parent,
	.after_fork_child = guest_after_fork_child,
	.guest_take_thread = guest_take_thread,
	.set_arguments = guest_set_arguments,
	.guest_run = guest_run,
	.guest_interrupt = guest_interrupt,
	.beside_begin = beside_begin,
	.beside_run = beside_run,
	.beside_condemn = beside_condemn,
	.beside_jail = beside_jail,
	.beside_free = beside_free,
};

__attribute__((visibility("default"))) python_entry_fn acre_python_plugin;

const struct python_plugin *acre_python_plugin(const struct python_host *host)
{
	plugin_host = host;
	atomic_store(&sys, host->sys_table());
	return &plugin;
}
