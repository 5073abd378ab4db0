/* SPDX-License-Identifier: MIT */
/* acre.h - all of acre, for users; nothing of ours includes it. */
#ifndef ACRE_H
#define ACRE_H

#include <acre/actor.h>
#include <acre/call.h>
#include <acre/chan.h>
#include <acre/cluster.h>
#include <acre/coded.h>
#include <acre/command.h>
#include <acre/contain.h>
#include <acre/context.h>
#include <acre/discovery.h>
#include <acre/dump.h>
#include <acre/error.h>
#include <acre/log.h>
#include <acre/msg.h>
#include <acre/process.h>
#include <acre/python.h>
#include <acre/ring.h>
#include <acre/run.h>
#include <acre/scope.h>
#include <acre/share.h>
#include <acre/shm.h>
#include <acre/task.h>
#include <acre/time.h>
#include <acre/topic.h>
#include <acre/trace.h>
#include <acre/tty.h>
#include <acre/value.h>

#endif
