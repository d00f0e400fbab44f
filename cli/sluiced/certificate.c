#include "cli/sluiced/certificate.h"

#include "core/base/clock.h"

#include <stdlib.h>

enum { WARNINGS_MAX = 8192 };

static struct tls_files files_of(const struct config *c)
{
	return (struct tls_files){.cert_file = c->tls.cert_file,
				  .key_file = c->tls.key_file,
				  .client_ca_file = c->tls.client_ca_file};
}

int certificate_load(const struct config *c, struct tls_files_loaded **ret, struct sl_error *err)
{
	struct tls_files files = files_of(c);
	*ret = NULL;
	if (*files.cert_file)
		return tls_load(&files, ret, err);
	if (*files.key_file || *files.client_ca_file)
		return sl_fail(err, SL_E_INVALID,
			       "%s: is set, but tls.cert_file is not: without a certificate "
			       "there is no TLS; set it, or take this out",
			       *files.key_file ? "tls.key_file" : "tls.client_ca_file");
	return 0;
}

static void find_warnings(const struct config *c, const struct tls_files_loaded *loaded,
			  struct buf *to)
{
	struct tls_files files = files_of(c);
	tls_loaded_warn(loaded, &files, clock_wall_ms(&clock_system) / 1000, to);
}

void certificate_tell(const struct config *c, const struct tls_files_loaded *loaded,
		      struct log *log)
{
	scoped(buf_finip) struct buf text = {0};
	char *save = NULL;
	buf_init(&text, WARNINGS_MAX);
	if (!loaded)
		return;
	find_warnings(c, loaded, &text);
	if (!text.len || text.rc)
		return;
	for (char *line = strtok_r(text.at, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_line(log, LOG_WARN, "api", "the API's certificate wants attention", "what",
			 line, NULL);
}

int certificate_check(const struct config *c, struct buf *warnings, struct sl_error *err)
{
	scoped(tls_files_loaded_freep) struct tls_files_loaded *loaded = NULL;
	int rc = certificate_load(c, &loaded, err);
	if (!rc && loaded)
		find_warnings(c, loaded, warnings);
	return rc;
}
