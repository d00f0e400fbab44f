/* The Host names that are ours, and how they change while requests are checked.
 *
 * Made of the addresses that are listened on and of further names; the latter can be
 * replaced. Threads: any, but for creating and freeing. */
#pragma once

#include "api/listen.h"

struct hosts;

SL_BEGIN_DECLS

/** As listen_read(). SL_E_INVALID with words, SL_E_NO_MEMORY. */
SL_MUST_USE int hosts_create(const char *listen, const char *const *names, struct hosts **ret,
			     struct sl_error *err);
struct hosts *hosts_free(struct hosts *hosts); /**< NULL is fine; returns NULL. */

/** Other further names from now on; on failure all is as it was. */
SL_MUST_USE int hosts_replace(struct hosts *hosts, const char *const *names, struct sl_error *err);
/** As head_host(). */
SL_MUST_USE int hosts_check(struct hosts *hosts, const struct request *req, struct sl_error *err);
/** The addresses as the HTTP library wants them; valid as long as the object. */
const char *hosts_listen(const struct hosts *hosts);

SL_DEFINE_SCOPED(struct hosts, hosts_free)

SL_END_DECLS
