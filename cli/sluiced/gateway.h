/* The gateway put together: every part made in order, ended in the opposite one.
 *
 * The spawner must run already (it is started before any thread). All calls from the main
 * thread. */
#pragma once

#include "cli/config.h"
#include "core/audit.h"
#include "runtime/local/spawner.h"

struct gateway;

/** What it finds when it starts. */
struct gateway_host {
	const struct spawner *spawner;
	bool single_user; /**< Replicas run as the gateway's own user, or as root. */
	bool hold;        /**< Admission shall be held from the start. */
};

SL_BEGIN_DECLS

/** Make all parts, take up unfinished jobs, listen. SL_E_CORRUPT, SL_E_CONFLICT (the store),
 * SL_E_UNAVAILABLE (cannot listen), SL_E_INVALID (the configuration asks for what is not
 * allowed), others; `err` has the words. `config` is borrowed. */
SL_MUST_USE int gateway_open(const struct config *config, const struct gateway_host *host,
			     struct log *log, struct gateway **ret, struct sl_error *err);
/** Has it lost what it needs to write (SL_E_IO) or to start replicas (SL_E_INTERNAL)? Then it
 * has asked this process to stop, with SIGTERM, so that it is started anew. 0: no. */
int gateway_fault(const struct gateway *g);
/** Take over the settings of `fresh` that take effect while it runs. SL_E_INVALID,
 * SL_E_NO_MEMORY: none of them was. `fresh` is not needed afterwards. */
SL_MUST_USE int gateway_reconfigure(struct gateway *g, const struct config *fresh,
				    struct sl_error *err);
/** A reload into the audit log, with the time of now; `config` is kept, for the next start to
 * compare with. Sleeps until it is on disk. */
SL_MUST_USE int gateway_record(struct gateway *gateway, const struct config *config,
			       struct audit_entry *entry);
unsigned gateway_port(const struct gateway *g);
/** Stop accepting, let what is in progress end for at most `grace_ms`, store, end. NULL is
 * fine; returns NULL. */
struct gateway *gateway_close(struct gateway *g, uint32_t grace_ms);

SL_END_DECLS
