#include "selector/expression/program.h"

struct evaluation {
	const struct program *program;
	program_ask ask;
	void *user;
};

static enum verdict value_of(const struct evaluation *e, uint16_t at);

/* `decides` is the part that settles the whole by itself: false of "&&", true of "||".
 * Without one, an unknown part leaves the whole unknown. */
static enum verdict chain(const struct evaluation *e, uint16_t at, enum verdict decides)
{
	enum verdict whole = decides == VERDICT_FALSE ? VERDICT_TRUE : VERDICT_FALSE;
	for (; at != PROGRAM_NONE; at = e->program->node[at].next) {
		const struct program_node *node = &e->program->node[at];
		/* Most parts are conditions, and these are asked at once. */
		enum verdict part = node->kind == PROGRAM_CONDITION
					    ? e->ask(e->user, node->condition)
					    : value_of(e, at);
		if (part == decides)
			return decides;
		if (part == VERDICT_UNKNOWN)
			whole = VERDICT_UNKNOWN;
	}
	return whole;
}

static enum verdict negate(enum verdict v)
{
	if (v == VERDICT_UNKNOWN)
		return VERDICT_UNKNOWN;
	return v == VERDICT_TRUE ? VERDICT_FALSE : VERDICT_TRUE;
}

static enum verdict value_of(const struct evaluation *e, uint16_t at)
{
	const struct program_node *node = &e->program->node[at];
	switch ((enum program_kind)node->kind) {
	case PROGRAM_ALL:
		return VERDICT_TRUE;
	case PROGRAM_CONDITION:
		return e->ask(e->user, node->condition);
	case PROGRAM_NOT:
		return negate(value_of(e, node->first));
	case PROGRAM_AND:
		return chain(e, node->first, VERDICT_FALSE);
	case PROGRAM_OR:
		return chain(e, node->first, VERDICT_TRUE);
	}
	return VERDICT_UNKNOWN;
}

enum verdict program_evaluate(const struct program *program, program_ask ask, void *user)
{
	struct evaluation e = {program, ask, user};
	return value_of(&e, program->root);
}
