/* The certificate that the API shows, and how it changes while connections are open.
 *
 * One certificate with its key is in force; every handshake takes the one of its moment,
 * and connections that are open keep what they have. New files are loaded and checked as
 * a whole first (tls_load()), then put in force (tls_adopt()), which cannot fail.
 * TLS 1.2 with forward secrecy and authenticated ciphers, or 1.3; no resumption, so that
 * a certificate or an authority that was taken away ends at once.
 *
 * Layer 3. Files are PEM; a key has no passphrase. Threads: any, but for creating and
 * freeing. Errors name the key of the configuration, the file and what is wrong in it. */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

struct tls;
struct tls_files_loaded;

struct tls_files {
	const char *cert_file;      /**< The certificate, then those between it and the root. */
	const char *key_file;       /**< "" or NULL: it stands in cert_file. */
	const char *client_ca_file; /**< "" or NULL: clients need no certificate. */
};

SL_BEGIN_DECLS

/** Load and check. SL_E_INVALID with words for whatever is wrong with them. */
SL_MUST_USE int tls_load(const struct tls_files *files, struct tls_files_loaded **ret,
			 struct sl_error *err);
struct tls_files_loaded *tls_files_loaded_free(struct tls_files_loaded *loaded);
/** When the certificate ends, Unix seconds. */
int64_t tls_loaded_until(const struct tls_files_loaded *loaded);
/** What a person should know though they can be used, a line each: ended, ends soon, not
 * valid yet, a key that others can read. `now_s`: Unix seconds. */
void tls_loaded_warn(const struct tls_files_loaded *loaded, const struct tls_files *files,
		     int64_t now_s, struct buf *to);

/** With these in force; they are taken, `*loaded` becomes NULL. */
SL_MUST_USE int tls_create(struct tls_files_loaded **loaded, struct tls **ret,
			   struct sl_error *err);
/** After the server has ended. NULL is fine; returns NULL. */
struct tls *tls_free(struct tls *tls);
/** In force for handshakes from now on; taken, as above. */
void tls_adopt(struct tls *tls, struct tls_files_loaded **loaded);
/** When the certificate in force ends, Unix seconds. */
int64_t tls_until(struct tls *tls);

/** The SSL_CTX that the HTTP library is to use, for as long as `tls` lives. */
void *tls_library_context(struct tls *tls);

SL_DEFINE_SCOPED(struct tls, tls_free)
SL_DEFINE_SCOPED(struct tls_files_loaded, tls_files_loaded_free)

SL_END_DECLS
