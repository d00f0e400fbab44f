/* The API's certificate, as the configuration names it: loaded at the start, loaded again
 * with a new configuration, looked at by --check-config. Main's thread. */
#pragma once

#include "api/tls.h"
#include "cli/config.h"

SL_BEGIN_DECLS

/** *ret is NULL where no TLS is configured. SL_E_INVALID with words. */
SL_MUST_USE int certificate_load(const struct config *config, struct tls_files_loaded **ret,
				 struct sl_error *err);
/** What a person should know of them goes to the log. */
void certificate_tell(const struct config *config, const struct tls_files_loaded *loaded,
		      struct log *log);
/** For --check-config: load, and append warnings. */
SL_MUST_USE int certificate_check(const struct config *config, struct buf *warnings,
				  struct sl_error *err);

SL_END_DECLS
