#include "runtime/local/plan_form.h"

#include <ctype.h>

bool plan_role_ok(struct bytes role)
{
	const char *at = role.at;
	if (role.len == 0 || role.len > PLAN_ROLE_MAX || *at == '.')
		return false;
	for (size_t i = 0; i < role.len; i++) {
		if (!isalnum((unsigned char)at[i]) && !memchr("-_.", at[i], 3))
			return false;
	}
	return true;
}

static bool take(struct bytes *from, void *to, size_t len)
{
	if (from->len < len)
		return false;
	memcpy(to, from->at, len);
	*from = bytes_of((const char *)from->at + len, from->len - len);
	return true;
}

static bool take_strings(struct bytes *from, uint32_t n, const char **ret)
{
	*ret = from->at;
	while (n--) {
		const char *nul = from->len ? memchr(from->at, 0, from->len) : NULL;
		if (!nul)
			return false;
		size_t len = (size_t)(nul - (const char *)from->at) + 1;
		*from = bytes_of(nul + 1, from->len - len);
	}
	return true;
}

bool plan_next(struct plan *plan, struct plan_container *ret)
{
	struct plan_container_head c;
	const char *name;
	struct plan_container got = {0};
	if (plan->rest.len == 0 || !take(&plan->rest, &c, sizeof(c)) || c.argc == 0 ||
	    c.argc > PLAN_WORDS_MAX || c.envc > PLAN_WORDS_MAX)
		return false;
	if (!take_strings(&plan->rest, 1, &name) || !take_strings(&plan->rest, 1, &got.cwd) ||
	    !take_strings(&plan->rest, c.argc, &got.argv) ||
	    !take_strings(&plan->rest, c.envc, &got.env))
		return false;
	got.name = bytes_str(name);
	got.argc = c.argc;
	got.envc = c.envc;
	got.init = c.init;
	got.limits = c.limits;
	*ret = got;
	return true;
}

int plan_open(struct bytes text, struct plan *ret)
{
	struct plan_head head;
	struct plan_body_head body;
	struct plan p = {0};
	if (!take(&text, &head, sizeof(head)) || head.magic != PLAN_MAGIC ||
	    head.envc > PLAN_WORDS_MAX || !take_strings(&text, 1, &p.role) ||
	    !take_strings(&text, 1, &p.taskset) || !take_strings(&text, head.envc, &p.env) ||
	    !take(&text, &body, sizeof(body)) || body.magic != PLAN_MAGIC)
		return SL_E_CORRUPT;
	if (!plan_role_ok(bytes_str(p.role)) || body.grace_s > PLAN_GRACE_MAX_S ||
	    body.containers == 0 || body.containers > PLAN_CONTAINERS_MAX ||
	    body.volumes > PLAN_VOLUMES_MAX || !take_strings(&text, body.volumes * 2, &p.volumes))
		return SL_E_CORRUPT;
	p.name = head.name;
	p.envc = head.envc;
	p.volumec = body.volumes;
	p.slots = body.slots;
	p.grace_s = body.grace_s;
	p.containers = body.containers;
	p.rest = text;
	struct plan walk = p;
	struct plan_container c;
	uint32_t n = 0;
	while (plan_next(&walk, &c))
		n++;
	if (n != p.containers || walk.rest.len)
		return SL_E_CORRUPT;
	*ret = p;
	return 0;
}
