/* Replicas that are started by one decision form a group: those of a gang start together
 * or not at all. */
#include "core/policy/internal.h"

static uint32_t weight(const struct policy *p, uint32_t role)
{
	return p->weight ? p->weight[role] : 1;
}

/* Starts from `from` on, of one role or of all, in units and in number. */
static uint64_t weigh(const struct policy *p, size_t from, uint32_t only, uint32_t *n)
{
	uint64_t units = 0;
	*n = 0;
	for (size_t i = from; i < p->n_fx; i++) {
		const struct policy_fx *fx = &p->fx[i];
		if (fx->kind != POLICY_START || (only != POLICY_ALL_ROLES && fx->role != only))
			continue;
		units += weight(p, fx->role);
		++*n;
	}
	return units;
}

static void form(struct policy *p, size_t from, uint32_t only)
{
	p->groups++;
	for (size_t i = from; i < p->n_fx; i++) {
		struct policy_fx *fx = &p->fx[i];
		if (fx->kind != POLICY_START || (only != POLICY_ALL_ROLES && fx->role != only))
			continue;
		fx->how = START_TOGETHER;
		fx->group = p->groups;
		p->role[fx->role].replica[fx->index].group = p->groups;
	}
}

static void form_if_it_fits(struct policy *p, size_t from, uint32_t only, bool *fits)
{
	uint32_t n;
	uint64_t units = weigh(p, from, only, &n);
	*fits = units <= p->most;
	if (n > 1 && *fits)
		form(p, from, only);
}

void policy_form_group(struct policy *p, size_t from)
{
	bool fits;
	if (p->set->gang == GANG_SINGLE)
		return;
	form_if_it_fits(p, from, POLICY_ALL_ROLES, &fits);
	/* Each role by itself was found to fit when the job was taken in. */
	for (uint32_t i = 0; i < p->set->roles && !fits && p->set->gang == GANG_TOGETHER; i++) {
		bool one;
		form_if_it_fits(p, from, i, &one);
	}
}

enum start_how policy_how_again(const struct policy *p, struct replica *r)
{
	if (r->group && p->active)
		return START_REJOIN;
	r->group = 0;
	return START_EACH;
}
