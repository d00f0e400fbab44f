#include "core/progress.h"

#include "core/plugin.h"
#include "core/wire.h"

enum { RECORD_VERSION = 1 };

void progress_encode(const struct progress *p, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, p->stage, 1);
	wire_put(to, p->waits, 1);
	wire_put(to, p->round, 4);
	wire_put(to, p->used_ms, 4);
	wire_put(to, p->generation, 8);
	wire_put(to, p->gates, 4);
	for (size_t i = 0; i < p->gates; i++)
		wire_put_bytes(to, p->gate[i]);
}

int progress_decode(struct bytes record, struct progress *ret)
{
	struct wire w = wire_of(record);
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	ret->stage = (uint8_t)wire_get(&w, 1);
	ret->waits = (enum waits_for)wire_get(&w, 1);
	ret->round = (uint32_t)wire_get(&w, 4);
	ret->used_ms = (uint32_t)wire_get(&w, 4);
	ret->generation = wire_get(&w, 8);
	ret->gates = (size_t)wire_get(&w, 4);
	if (ret->gates > PROGRESS_GATES_MAX || ret->stage > PLUGIN_STAGES ||
	    ret->waits > WAITS_PLUGIN)
		return SL_E_CORRUPT;
	for (size_t i = 0; i < ret->gates; i++)
		ret->gate[i] = wire_get_bytes(&w);
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
