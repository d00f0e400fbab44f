#include "core/policy/replica.h"

#include "core/wire.h"

#include <stdio.h>

/* Version 1 knew no groups and no sites. */
enum { RECORD_VERSION = 2, RECORD_MAX = 1024 };

void replica_encode(const struct replica *r, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, r->state, 1);
	wire_put(to, r->stopping, 1);
	wire_put(to, r->attempts, 4);
	wire_put(to, r->round, 4);
	wire_put(to, r->retried, 4);
	wire_put(to, r->group, 4);
	wire_put(to, (uint32_t)r->pid, 4);
	wire_put(to, (uint32_t)r->code, 4);
	wire_put(to, (uint32_t)r->signal, 4);
	wire_put(to, (uint64_t)r->started_ms, 8);
	wire_put(to, (uint64_t)r->finished_ms, 8);
	wire_put(to, (uint64_t)r->retry_at_ms, 8);
	wire_put_bytes(to, bytes_str(r->reason));
	wire_put_bytes(to, bytes_str(r->message));
	wire_put_bytes(to, bytes_str(r->site.pod));
	wire_put_bytes(to, bytes_str(r->site.ip));
	wire_put_bytes(to, bytes_str(r->site.host_ip));
	wire_put_bytes(to, bytes_str(r->site.container));
}

static void get_text(struct wire *w, char *to, size_t size)
{
	struct bytes text = wire_get_bytes(w);
	snprintf(to, size, "%.*s", BYTES_FMT(text));
}

int replica_decode(struct bytes record, struct replica *ret)
{
	struct wire w = wire_of(record);
	struct replica r = {0};
	uint64_t version = wire_get(&w, 1);
	if (version < 1 || version > RECORD_VERSION)
		return SL_E_CORRUPT;
	r.state = (enum replica_state)wire_get(&w, 1);
	r.stopping = wire_get(&w, 1);
	r.attempts = (uint32_t)wire_get(&w, 4);
	r.round = (uint32_t)wire_get(&w, 4);
	r.retried = (uint32_t)wire_get(&w, 4);
	r.group = version >= 2 ? (uint32_t)wire_get(&w, 4) : 0;
	r.pid = (int32_t)wire_get(&w, 4);
	r.code = (int32_t)wire_get(&w, 4);
	r.signal = (int32_t)wire_get(&w, 4);
	r.started_ms = (int64_t)wire_get(&w, 8);
	r.finished_ms = (int64_t)wire_get(&w, 8);
	r.retry_at_ms = (int64_t)wire_get(&w, 8);
	get_text(&w, r.reason, sizeof(r.reason));
	get_text(&w, r.message, sizeof(r.message));
	if (version >= 2) {
		get_text(&w, r.site.pod, sizeof(r.site.pod));
		get_text(&w, r.site.ip, sizeof(r.site.ip));
		get_text(&w, r.site.host_ip, sizeof(r.site.host_ip));
		get_text(&w, r.site.container, sizeof(r.site.container));
	}
	if (w.bad || w.at != w.end || r.state >= REPLICA_STATES)
		return SL_E_CORRUPT;
	*ret = r;
	return 0;
}

void ledger_put_replica(struct store_txn *txn, struct uuid job, uint32_t role, uint32_t index,
			const struct replica *r)
{
	uint8_t key[24];
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, RECORD_MAX);
	replica_encode(r, &record);
	memcpy(key, job.at, 16);
	wire_be32(key + 16, role);
	wire_be32(key + 20, index);
	store_put_buf(txn, STORE_REPLICAS, bytes_of(key, sizeof(key)), &record);
}

int ledger_replicas(struct store_txn *txn, struct uuid job, ledger_replica_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_REPLICAS, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, bytes_of(job.at, 16), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val)) {
		const uint8_t *at = key.at;
		struct replica r;
		if (key.len != 24 || memcmp(at, job.at, 16) != 0)
			return 0;
		rc = replica_decode(val, &r);
		if (rc)
			return rc;
		each(user, (uint32_t)wire_from_be(at + 16, 4), (uint32_t)wire_from_be(at + 20, 4),
		     &r);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}
