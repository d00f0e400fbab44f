#include "core/progress.h"

#include "core/plugin.h"
#include "core/wire.h"

enum { RECORD_VERSION = 1 };

void progress_encode(const struct progress *p, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, p->stage, 1);
	wire_put(to, p->waits, 1);
	wire_put(to, p->used_ms, 4);
	wire_put(to, p->generation, 8);
	wire_put(to, p->gates, 4);
	for (size_t i = 0; i < p->gates; i++)
		wire_put_bytes(to, p->gate[i]);
	wire_put(to, p->askeds, 4);
	for (size_t i = 0; i < p->askeds; i++) {
		wire_put_bytes(to, p->asked[i].gate);
		wire_put(to, p->asked[i].times, 4);
	}
}

int progress_decode(struct bytes record, struct progress *ret)
{
	struct wire w = wire_of(record);
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	ret->stage = (uint8_t)wire_get(&w, 1);
	ret->waits = (enum waits_for)wire_get(&w, 1);
	ret->used_ms = (uint32_t)wire_get(&w, 4);
	ret->generation = wire_get(&w, 8);
	ret->gates = (size_t)wire_get(&w, 4);
	if (ret->gates > PROGRESS_GATES_MAX || ret->stage > PLUGIN_STAGES ||
	    ret->waits > WAITS_RECHECK)
		return SL_E_CORRUPT;
	for (size_t i = 0; i < ret->gates; i++)
		ret->gate[i] = wire_get_bytes(&w);
	ret->askeds = (size_t)wire_get(&w, 4);
	if (ret->askeds > PROGRESS_ASKED_MAX)
		return SL_E_CORRUPT;
	for (size_t i = 0; i < ret->askeds; i++) {
		ret->asked[i].gate = wire_get_bytes(&w);
		ret->asked[i].times = (uint32_t)wire_get(&w, 4);
	}
	return w.bad || w.at != w.end ? SL_E_CORRUPT : 0;
}

bool progress_has_run(const struct progress *p, struct bytes gate)
{
	for (size_t i = 0; i < p->gates; i++)
		if (bytes_eq(p->gate[i], gate))
			return true;
	return false;
}

int progress_add_gate(struct progress *p, struct bytes gate)
{
	if (progress_has_run(p, gate))
		return 0;
	if (p->gates == PROGRESS_GATES_MAX)
		return SL_E_TOO_BIG;
	p->gate[p->gates++] = gate;
	return 0;
}

uint32_t progress_times(const struct progress *p, struct bytes gate)
{
	for (size_t i = 0; i < p->askeds; i++)
		if (bytes_eq(p->asked[i].gate, gate))
			return p->asked[i].times;
	return 0;
}

void progress_count(struct progress *p, struct bytes gate)
{
	struct gate_asked now = {gate, progress_times(p, gate) + 1};
	size_t kept = 0;
	for (size_t i = 0; i < p->askeds; i++)
		if (!bytes_eq(p->asked[i].gate, gate))
			p->asked[kept++] = p->asked[i];
	if (kept == PROGRESS_ASKED_MAX) /* the oldest makes room */
		memmove(p->asked, p->asked + 1, --kept * sizeof(p->asked[0]));
	p->asked[kept++] = now;
	p->askeds = kept;
}

struct bytes progress_holder(const struct progress *p)
{
	struct bytes last = p->askeds ? p->asked[p->askeds - 1].gate : bytes_of("", 0);
	return progress_has_run(p, last) ? bytes_of("", 0) : last;
}
