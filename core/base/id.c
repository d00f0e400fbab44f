#include "core/base/id.h"

#include "core/base/crypt.h"

static uint64_t stamp_of(struct uuid id)
{
	uint64_t ms = (uint64_t)uuid_time_ms(id);
	return ms << 12 | (uint64_t)(id.at[6] & 0x0f) << 8 | id.at[7];
}

void id_source_init(struct id_source *ids, struct uuid newest)
{
	ids->last = uuid_is_nil(newest) ? 0 : stamp_of(newest);
}

struct uuid id_next(struct id_source *ids, int64_t wall_ms)
{
	uint64_t now = (uint64_t)wall_ms << 12;
	ids->last = now > ids->last ? now : ids->last + 1;

	struct uuid id;
	uint64_t ms = ids->last >> 12;
	for (int i = 0; i < 6; i++)
		id.at[i] = (uint8_t)(ms >> (40 - 8 * i));
	id.at[6] = (uint8_t)(0x70 | (ids->last >> 8 & 0x0f));
	id.at[7] = (uint8_t)ids->last;
	crypt_random(id.at + 8, 8);
	id.at[8] = (uint8_t)((id.at[8] & 0x3f) | 0x80);
	return id;
}
