/* SPDX-License-Identifier: MIT */
/* spec.h - what a child is told to be: the SpawnSpec, packed from the options of its spawn. */
#pragma once

#include <acre/actor.h>

/* Sends it to a child whose link is open. ENOMEM, EMSGSIZE, or its link has ended. */
int spec_send(struct acre_actor *a, const struct acre_spawn_options *o);
