/* SPDX-License-Identifier: MIT */
/* golden_list.h - which golden frames there are, and who speaks in them. */
#pragma once

/* Name of the vector without its y_, and what each user of the list calls its maker. */
#define GOLDEN_FRAMES(G) \
	G(v01_aid, v01) \
	G(v02_spawn_spec, v02) \
	G(v03_start_registration, v03) \
	G(v04_start_context, v04) \
	G(v05_start_ack, v05) \
	G(v06_started, v06) \
	G(v07_yield, v07) \
	G(v08_stop, v08) \
	G(v09_return, v09) \
	G(v10_start_cancel, v10) \
	G(v11_error_cancelled, v11) \
	G(v12_cancel_ack, v12) \
	G(v13_error_relayed, v13) \
	G(v14_aid_acre, v14) \
	G(v15_credit, v15) \
	G(v16_cancel, v16) \
	G(v17_cancel_ack_req, v17)

static const char root[] = "0b8ed1f2-4b5c-4a6f-9c60-7d2f3a1e5b90";
static const char child[] = "c3a9d5e0-1f2b-4c7d-8e9f-a0b1c2d3e4f5";
static const char cid[] = "5f1d7a34-6c0e-4d82-b3f9-8a1b2c3d4e5f";
static const char second[] = "9e8d7c6b-5a49-4838-a726-150403020100";
