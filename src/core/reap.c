/* SPDX-License-Identifier: MIT */
/* reap.c - collecting a child that has ended, and what its status says. */
#include "core/reap.h"

#include "base/fault.h"
#include "base/sys.h"

/* Nothing here allocates: a child is collected also when there is no memory. */

int reap(const struct pidref *pid, struct acre_death *ret)
{
	siginfo_t info = { .si_pid = 0 };
	int r = pidref_reap(pid, &info,
			    PLANTED(ZOMBIE_LEFT) ? WNOHANG | WNOWAIT : WNOHANG);

	if (r <= 0)
		return r;
	ret->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	ret->status = info.si_code == CLD_EXITED ? info.si_status : 0;
	ret->core = info.si_code == CLD_DUMPED;
	return 1;
}
