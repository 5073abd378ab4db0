/* SPDX-License-Identifier: MIT */
/* life.pml - the table of src/actor/life.c for spin; made by tools/life-table. */

#define NONE 0
#define BOOTS 1
#define SERVES 2
#define ASKED 3
#define ENDING 4
#define TERMED 5
#define KILLED 6
#define GONE 7
#define EV_SERVING 0
#define EV_ASK 1
#define EV_ACK 2
#define EV_RUNG 3
#define EV_LINK_LOST 4
#define EV_KILL 5
#define EV_DIED 6
#define DO_acknowledged 0
#define DO_ask 1
#define DO_boot_is_over 2
#define DO_collect 3
#define DO_hard_kill 4
#define DO_impossible 5
#define DO_nothing 6
#define DO_serves 7
#define DO_term 8
#define DO_term_newborn 9
#define DO_wait_for_death 10
#define DO_wait_for_early_death 11

/* What is done in a cell, times 16, plus the next state. One expression: spin makes a
 * transition, and gcc much code, of each statement. */
#define CELL(state, event) \
	(state == NONE && event == EV_SERVING -> 16 * DO_impossible + NONE : \
	(state == NONE && event == EV_ASK -> 16 * DO_impossible + NONE : \
	(state == NONE && event == EV_ACK -> 16 * DO_impossible + NONE : \
	(state == NONE && event == EV_RUNG -> 16 * DO_impossible + NONE : \
	(state == NONE && event == EV_LINK_LOST -> 16 * DO_nothing + NONE : \
	(state == NONE && event == EV_KILL -> 16 * DO_nothing + NONE : \
	(state == NONE && event == EV_DIED -> 16 * DO_impossible + NONE : \
	(state == BOOTS && event == EV_SERVING -> 16 * DO_serves + SERVES : \
	(state == BOOTS && event == EV_ASK -> 16 * DO_term_newborn + TERMED : \
	(state == BOOTS && event == EV_ACK -> 16 * DO_nothing + BOOTS : \
	(state == BOOTS && event == EV_RUNG -> 16 * DO_boot_is_over + KILLED : \
	(state == BOOTS && event == EV_LINK_LOST -> 16 * DO_wait_for_early_death + BOOTS : \
	(state == BOOTS && event == EV_KILL -> 16 * DO_hard_kill + KILLED : \
	(state == BOOTS && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == SERVES && event == EV_SERVING -> 16 * DO_nothing + SERVES : \
	(state == SERVES && event == EV_ASK -> 16 * DO_ask + ASKED : \
	(state == SERVES && event == EV_ACK -> 16 * DO_nothing + SERVES : \
	(state == SERVES && event == EV_RUNG -> 16 * DO_term + TERMED : \
	(state == SERVES && event == EV_LINK_LOST -> 16 * DO_wait_for_death + SERVES : \
	(state == SERVES && event == EV_KILL -> 16 * DO_hard_kill + KILLED : \
	(state == SERVES && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == ASKED && event == EV_SERVING -> 16 * DO_nothing + ASKED : \
	(state == ASKED && event == EV_ASK -> 16 * DO_nothing + ASKED : \
	(state == ASKED && event == EV_ACK -> 16 * DO_acknowledged + ENDING : \
	(state == ASKED && event == EV_RUNG -> 16 * DO_term + TERMED : \
	(state == ASKED && event == EV_LINK_LOST -> 16 * DO_nothing + ASKED : \
	(state == ASKED && event == EV_KILL -> 16 * DO_hard_kill + KILLED : \
	(state == ASKED && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == ENDING && event == EV_SERVING -> 16 * DO_nothing + ENDING : \
	(state == ENDING && event == EV_ASK -> 16 * DO_nothing + ENDING : \
	(state == ENDING && event == EV_ACK -> 16 * DO_nothing + ENDING : \
	(state == ENDING && event == EV_RUNG -> 16 * DO_term + TERMED : \
	(state == ENDING && event == EV_LINK_LOST -> 16 * DO_nothing + ENDING : \
	(state == ENDING && event == EV_KILL -> 16 * DO_hard_kill + KILLED : \
	(state == ENDING && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == TERMED && event == EV_SERVING -> 16 * DO_nothing + TERMED : \
	(state == TERMED && event == EV_ASK -> 16 * DO_nothing + TERMED : \
	(state == TERMED && event == EV_ACK -> 16 * DO_nothing + TERMED : \
	(state == TERMED && event == EV_RUNG -> 16 * DO_hard_kill + KILLED : \
	(state == TERMED && event == EV_LINK_LOST -> 16 * DO_nothing + TERMED : \
	(state == TERMED && event == EV_KILL -> 16 * DO_hard_kill + KILLED : \
	(state == TERMED && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == KILLED && event == EV_SERVING -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_ASK -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_ACK -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_RUNG -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_LINK_LOST -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_KILL -> 16 * DO_nothing + KILLED : \
	(state == KILLED && event == EV_DIED -> 16 * DO_collect + GONE : \
	(state == GONE && event == EV_SERVING -> 16 * DO_nothing + GONE : \
	(state == GONE && event == EV_ASK -> 16 * DO_nothing + GONE : \
	(state == GONE && event == EV_ACK -> 16 * DO_nothing + GONE : \
	(state == GONE && event == EV_RUNG -> 16 * DO_impossible + GONE : \
	(state == GONE && event == EV_LINK_LOST -> 16 * DO_nothing + GONE : \
	(state == GONE && event == EV_KILL -> 16 * DO_nothing + GONE : \
	(state == GONE && event == EV_DIED -> 16 * DO_impossible + GONE : \
	255))))))))))))))))))))))))))))))))))))))))))))))))))))))))
