#include "core/policy/gang.h"

#include <stdlib.h>

int gang_room_of(struct engine *e, const struct json *json, const struct taskset *set,
		 struct gang_room *ret)
{
	struct gang_room room = {.most = e->ops->room(e)};
	bool plain = room.most == UINT32_MAX || set->gang == GANG_SINGLE || set->replicas == 1;
	if (!plain) {
		room.weight = calloc(set->roles, sizeof(*room.weight));
		if (!room.weight)
			return SL_E_NO_MEMORY;
	}
	for (uint32_t i = 0; i < set->roles && !plain; i++)
		room.weight[i] = e->ops->weight(e, json_raw(json, set->role[i].pod));
	*ret = room;
	return 0;
}

void gang_room_finip(struct gang_room *room)
{
	free(room->weight);
	room->weight = NULL;
}

struct gang_need gang_needs(const struct taskset *set, const struct gang_room *room)
{
	struct gang_need first = {.role = {"", 0}}, most;
	for (uint32_t i = 0; i < set->roles; i++) {
		uint32_t replicas = set->role[i].deps ? 0 : set->role[i].replicas;
		first.replicas += replicas;
		first.units += (uint64_t)replicas * (room->weight ? room->weight[i] : 1);
	}
	most = first;
	for (uint32_t i = 0; i < set->roles; i++) {
		const struct role *role = &set->role[i];
		uint64_t units = (uint64_t)role->replicas * (room->weight ? room->weight[i] : 1);
		if (role->deps && units > most.units)
			most = (struct gang_need){units, role->replicas, role->name};
	}
	return most;
}
