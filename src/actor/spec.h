/* SPDX-License-Identifier: MIT */
/* spec.h - what a child is told to be: the SpawnSpec, from both of its ends. */
#pragma once

#include <acre/actor.h>

#include "wire/msg.h"

struct acre_actor;

/* To a child that has just been made, whose Aid need not have come. */
int spec_send(struct acre_actor *child, const struct acre_spawn_options *o);
/* In the child: becomes what it says; EPROTO, or what hinders it. */
int spec_take(const struct msg_spawn_spec *spec);
