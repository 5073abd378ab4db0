/* SPDX-License-Identifier: MIT */
/* tcp_look.c - telling a peer that is stopped from a host that has died, when both are full. */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "base/sys.h"
#include "base/util.h"
#include "wire/transport.h"

/*
 * The kernel ends a link whose peer's host answers nothing for the user time-out: by
 * keepalive while nothing is on its way, by counting while bytes are. There is a third
 * state, in which the peer's window is full: then it asks now and then whether there is
 * room (a probe), and the time-out ends the link although each probe is answered "no"
 * (tests/pin/pin_tcp.c). But a process that is stopped, or slow, is to be left alone.
 *
 * So while bytes wait somebody has to look. A look that finds the window full takes the
 * time-out from the kernel and keeps it here: the last answer is old, and a probe has been
 * sent since. A probe may be under way just when we look, so it takes two looks to say
 * that. When the window has opened, the kernel gets its time-out back. If nobody looks,
 * the kernel's rule holds, and no dead host is missed.
 *
 * Probes come at least once a second where the kernel has TCP_RTO_MAX_MS (6.15, tcp.c).
 * On an older one their distance doubles, and so a host that dies behind a window that has
 * been full for a while is noticed after about as long again, two minutes at most.
 *
 * A kernel answers at most two probes a second (tcp_invalid_ratelimit), so an answer may be
 * 1.5 s old and its host well: a user time-out of less than 2 s would end what lives.
 *
 * Measured between two network namespaces, user time-out 3 s, link cut: 2.8 s while idle,
 * 3.2 s with bytes on their way, and with a window full for 8 s before, the last answer was
 * 3 s old, three probes being unanswered, after 2.3 s (6.18).
 */

/* Looks in a user time-out: one may be late by as much as that, and the kernel's own count,
 * which begins when the window is full, has not ended by then. */
#define LOOKS_PER_TIMEOUT 4
/* Looks that find no answer before it is believed. */
#define LOOKS_SILENT 2

int transport_look(struct transport_health *h, int fd, const struct transport_options *o)
{
	const int interval_ms = (int)(o->user_timeout_ms / LOOKS_PER_TIMEOUT) + 1;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	bool is_full;
	int timeout_ms, r;

	if (o->user_timeout_ms == 0)
		return 0;
	r = sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	if (r < 0) /* a UNIX socket ends with its peer */
		return r == -EOPNOTSUPP ? 0 : interval_ms;
	is_full = info.tcpi_notsent_bytes > 0 && info.tcpi_unacked == 0;
	if (is_full != h->is_full) {
		timeout_ms = is_full ? 0 : (int)o->user_timeout_ms;
		r = sys_setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
				   sizeof timeout_ms);
		if (r >= 0)
			h->is_full = is_full;
	}
	if (is_full && info.tcpi_probes > 0 &&
	    info.tcpi_last_ack_recv >= o->user_timeout_ms)
		h->n_silent++;
	else
		h->n_silent = 0;
	if (h->n_silent >= LOOKS_SILENT)
		return -ETIMEDOUT;
	return is_full || info.tcpi_unacked > 0 ? interval_ms : 0;
}
