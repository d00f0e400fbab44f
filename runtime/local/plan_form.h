/* How a plan lies in its bytes: what plan.c writes and plan_read.c reads. Of these two alone. */
#pragma once

#include "runtime/local/plan.h"

enum { PLAN_MAGIC = 0x504c5331 };

struct plan_head {
	uint32_t magic;
	struct replica_name name;
	uint32_t envc;
};

struct plan_body_head {
	uint32_t magic, grace_s, slots, volumes, containers;
};

struct plan_container_head {
	uint32_t argc, envc, init;
	struct limits limits;
};
