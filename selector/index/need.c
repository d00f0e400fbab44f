#include "selector/index/need.h"

static const struct need nothing = {0, NEED_NONE};

struct finding {
	const struct program *program;
	const uint64_t *cost;
};

static struct need of_node(const struct finding *f, uint16_t at, bool negated);

static uint64_t cost_of(const struct finding *f, uint64_t set)
{
	uint64_t sum = 0;
	for (; set; set &= set - 1)
		sum += f->cost[__builtin_ctzll(set)];
	return sum;
}

/* All parts must hold: the cheapest of their sets will do. */
static struct need any_part(const struct finding *f, uint16_t at, bool negated)
{
	struct need best = nothing;
	for (; at != PROGRAM_NONE; at = f->program->node[at].next) {
		struct need part = of_node(f, at, negated);
		if (part.cost < best.cost)
			best = part;
	}
	return best;
}

/* One part must hold: all of their sets together. */
static struct need all_parts(const struct finding *f, uint16_t at, bool negated)
{
	struct need all = {0, 0};
	for (; at != PROGRAM_NONE; at = f->program->node[at].next) {
		struct need part = of_node(f, at, negated);
		if (part.cost == NEED_NONE)
			return nothing;
		all.set |= part.set;
	}
	all.cost = cost_of(f, all.set);
	return all;
}

/* Negations are pushed down to the conditions: !(a && b) is !a || !b. */
static struct need of_node(const struct finding *f, uint16_t at, bool negated)
{
	const struct program_node *node = &f->program->node[at];
	switch ((enum program_kind)node->kind) {
	case PROGRAM_CONDITION:
		if (negated)
			return nothing;
		return (struct need){UINT64_C(1) << node->condition, f->cost[node->condition]};
	case PROGRAM_NOT:
		return of_node(f, node->first, !negated);
	case PROGRAM_AND:
	case PROGRAM_OR:
		return (node->kind == PROGRAM_AND) != negated ? any_part(f, node->first, negated)
							      : all_parts(f, node->first, negated);
	case PROGRAM_ALL:
		break;
	}
	return nothing;
}

struct need need_find(const struct program *program, const uint64_t *cost)
{
	struct finding f = {program, cost};
	return of_node(&f, program->root, false);
}
