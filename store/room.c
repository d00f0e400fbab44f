#include "store/room.h"

#include <sys/statvfs.h>

enum {
	RESERVE_SHARE = 32,
	RESERVE_MIN = 1 << 20,
	RESERVE_MAX = 64 << 20,
	LISTS_PER_TXN = 8, /* reading them costs a commit next to nothing */
	PAGE_HEAD = 16,
	NODE_HEAD = 8,
};

void room_init(struct room *room, size_t size_max)
{
	size_t reserve = size_max / RESERVE_SHARE;
	if (reserve < RESERVE_MIN)
		reserve = RESERVE_MIN;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	*room = (struct room){.size_max = size_max, .reserve = reserve};
}

bool room_may_be_tight(const struct room *room)
{
	return room->counted + room->since + room->reserve >= room->size_max;
}

bool room_is_old(const struct room *room, uint64_t txn)
{
	return txn > room->txn + room->lists / LISTS_PER_TXN;
}

void growth_begin(struct growth *g, const struct room *room)
{
	bool tight = room->counted + room->reserve >= room->size_max;
	*g = (struct growth){.used = room->counted + (tight ? 0 : room->since), .tight = tight};
}

uint64_t growth_weight(const struct room *room, size_t key_len, size_t val_len)
{
	uint64_t node = NODE_HEAD + key_len + val_len;
	if (node <= (room->page_size - PAGE_HEAD) / 2)
		return node;
	uint64_t pages = (PAGE_HEAD + val_len + room->page_size - 1) / room->page_size;
	return pages * room->page_size + NODE_HEAD + key_len;
}

/* When it began far from tight, a small transaction stays within the reserve: what it
 * replaced need not be known. */
bool growth_is_over(const struct growth *g, const struct room *room)
{
	if (g->tight)
		return g->net > 0 && g->used + (uint64_t)g->net > room->size_max;
	return g->written > room->reserve && g->used + g->written > room->size_max;
}

uint64_t disk_free(int fd)
{
	struct statvfs fs;
	if (fstatvfs(fd, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}
