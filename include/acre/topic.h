/* SPDX-License-Identifier: MIT */
/* topic.h - one source that publishes, and subscribers that each get the topics they ask for. */
#ifndef ACRE_TOPIC_H
#define ACRE_TOPIC_H

/*
 * A publication is an endpoint with one generator for all its subscribers. It runs while
 * there is a subscriber; each item goes to those that want its topic.
 *
 *	#define READING(F) F(const char *, topic) F(int64_t, value)
 *	ACRE_MSG(reading, READING)
 *
 *	static int count(struct acre_publisher *p) // the generator
 *	{
 *		int r = 0;
 *
 *		for (int64_t i = 0; r >= 0; i++)
 *			r = acre_publish(p, reading, .topic = i % 2 ? "odd" : "even", .value = i);
 *		return r;
 *	}
 *
 *	static const struct acre_publication counting = { .run = count };
 *
 *	ACRE_CONTEXT(counts, acre_subscription) // its endpoint; given: ctx, in
 *	{
 *		return acre_topic_serve(ctx, in, &counting);
 *	}
 *
 *	ACRE_OPEN(ctx, r, actor, counts, (&(struct acre_subscription){ "even", "" }))
 *		while ((r = acre_recv(ctx, reading, &item)) > 0) // a subscriber
 *			...
 *
 * Three rules. An item names its topic in a field `topic`, a text. Nothing is dropped: the
 * slowest subscriber of a topic sets the pace, until it leaves or no longer wants it. A
 * subscription ends with its context, and so with the subscriber's actor.
 *
 * (tractor's msgpub.)
 *
 * THREADS: the loop's thread only. FORK: the parent's.
 */

#include <acre/context.h>

ACRE_BEGIN_

/* Bytes of a topic's name, with the end: it has one at least, and no comma. */
#define ACRE_TOPIC_SIZE 128

struct acre_publisher; /* opaque: a generator, and whom it has */

/* What an actor can publish; static, since it is known by its address. */
struct acre_publication {
	/* The generator. It ends by returning: 0 ends all streams well, a failure is that
	 * of every subscriber. Cancelled when the last subscriber has left; it has ended
	 * when it runs again for the next one. */
	int (*run)(struct acre_publisher *publisher);
	/* names of generators that run side by side, NULL at the end: a subscriber chooses
	 * one. NULL: there is one, and it has no name */
	const char *const *tasks;
	size_t stack_size; /* of the generator's task, as in context.h */
};

#ifndef __cplusplus
/* The argument of the endpoint: topics, with commas between them, and the name of the
 * generator ("" unless the publication has .tasks). */
#define ACRE_SUBSCRIPTION_FIELDS_(F) F(const char *, topics) F(const char *, task)
ACRE_MSG(acre_subscription, ACRE_SUBSCRIPTION_FIELDS_)

/* What a subscriber may send: acre_send(ctx, acre_topic_change, .topics = "odd", .wanted =
 * true). It takes effect when it arrives; items that are on their way still come. */
#define ACRE_TOPIC_CHANGE_FIELDS_(F) F(const char *, topics) F(bool, wanted)
ACRE_MSG(acre_topic_change, ACRE_TOPIC_CHANGE_FIELDS_)
#else
struct acre_subscription;
#endif

/*
 * Serves one subscriber, to be returned by the endpoint: starts the generator if it is the
 * first, calls acre_started(), and goes on until the subscriber leaves or the generator has
 * ended. ACRE_ETYPE: no generator, no topics, a name that is none, a generator of a name
 * that the publication does not have, or none named where there are several; ENOSPC: more than
 * 1,024 topics; ENOMEM; the generator's failure. A checkpoint.
 */
ACRE_PUBLIC_ ACRE_MUST_USE_ int
acre_topic_serve(struct acre_context *ctx, const struct acre_subscription *in,
		 const struct acre_publication *publication);

/* Generator: acre_publish(p, reading, .topic = "even", .value = 4) sends the item to all who
 * want its topic, and waits for their credit. Returns how many got it. ACRE_ETYPE: the
 * message has no text field `topic`, or it is no topic's name; what acre_send() says of an item
 * that cannot travel. A subscriber that has left is no failure. A checkpoint. */
#define acre_publish(publisher, message, ...) \
	acre_publish_((publisher), message##_msg_(), ACRE_VALUE_(message, __VA_ARGS__))
ACRE_PUBLIC_ ACRE_MUST_USE_ int acre_publish_(struct acre_publisher *publisher,
					      const struct acre_msg_kind *kind,
					      const void *value);

/* Generator: whether anybody wants this topic, so that nothing is made in vain. */
ACRE_PUBLIC_ bool acre_topic_is_wanted(const struct acre_publisher *publisher,
				       const char *topic);

/* The topics that are wanted in this actor of a publication's generator (task NULL or "": the
 * one without a name), each once, in the order in which they were asked for. Returns how many
 * there are, fills at most n. Not a checkpoint. */
ACRE_PUBLIC_ size_t acre_topic_list(const struct acre_publication *publication,
				    const char *task, char (*ret)[ACRE_TOPIC_SIZE],
				    size_t n);

ACRE_END_
#endif
