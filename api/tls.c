#include "api/tls.h"

#include "api/tls_library.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { SOON_S = 21 * 24 * 3600, DEPTH_MAX = 8, WHY_SIZE = 160 };

/* What TLS 1.2 may use; 1.3 has none that are weak. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_files_loaded {
	SSL_CTX *context;
	int64_t from, until;
};

struct tls {
	SSL_CTX *outer; /* the library's: every handshake begins with it */
	pthread_mutex_t lock;
	struct tls_files_loaded *now; /* under the lock */
};

static const char *given(const char *text) { return text && *text ? text : NULL; }

/* ---- loading ---- */

/* The library's words for its last error, without its numbers. */
static const char *why(char to[WHY_SIZE])
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(to, WHY_SIZE, "%s", reason ? reason : "it cannot be used");
	ERR_clear_error();
	return to;
}

static int no_passphrase(char *to, int size, int writing, void *user)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)user;
	return -1; /* or it would ask on the terminal */
}

static int check_file(const char *key, const char *path, struct sl_error *err)
{
	struct stat st;
	FILE *file = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	if (!file)
		return sl_fail(err, SL_E_INVALID,
			       "%s: %s cannot be read: it must be a file that "
			       "the gateway's user may read",
			       key, path);
	fclose(file);
	return 0;
}

static SSL_CTX *new_context(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_passwd_cb(c, no_passphrase);
	if (!SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) || !SSL_CTX_set_num_tickets(c, 0) ||
	    !SSL_CTX_set_cipher_list(c, CIPHERS)) {
		SSL_CTX_free(c);
		return NULL;
	}
	return c;
}

static int load_pair(SSL_CTX *c, const struct tls_files *f, struct sl_error *err)
{
	char text[WHY_SIZE];
	const char *key = given(f->key_file) ? f->key_file : f->cert_file;
	const char *key_name = given(f->key_file) ? "tls.key_file" : "tls.cert_file";
	int rc = check_file("tls.cert_file", f->cert_file, err);
	if (!rc)
		rc = check_file(key_name, key, err);
	if (rc)
		return rc;
	if (SSL_CTX_use_certificate_chain_file(c, f->cert_file) != 1)
		return sl_fail(err, SL_E_INVALID,
			       "tls.cert_file: %s holds no certificate that can be used (PEM): %s",
			       f->cert_file, why(text));
	if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(c) == 1)
		return 0;
	bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
		     ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
	return sl_fail(err, SL_E_INVALID,
		       other ? "%s: %s is not the key of the certificate in tls.cert_file: %s"
			     : "%s: %s holds no key that can be used (PEM, without a passphrase): "
			       "%s",
		       key_name, key, why(text));
}

static int load_client_ca(SSL_CTX *c, const char *path, struct sl_error *err)
{
	char text[WHY_SIZE];
	if (!given(path))
		return 0;
	int rc = check_file("tls.client_ca_file", path, err);
	if (rc)
		return rc;
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
	if (!names || SSL_CTX_load_verify_file(c, path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return sl_fail(err, SL_E_INVALID,
			       "tls.client_ca_file: %s holds no certificates (PEM): %s", path,
			       why(text));
	}
	SSL_CTX_set_client_CA_list(c, names);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(c, DEPTH_MAX);
	return 0;
}

static int64_t unix_seconds(const ASN1_TIME *at)
{
	struct tm tm;
	return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int tls_load(const struct tls_files *files, struct tls_files_loaded **ret, struct sl_error *err)
{
	scoped(tls_files_loaded_freep) struct tls_files_loaded *l = calloc(1, sizeof(*l));
	if (l)
		l->context = new_context();
	if (!l || !l->context)
		return sl_fail(err, SL_E_NO_MEMORY, "no memory for TLS");
	ERR_clear_error();
	int rc = load_pair(l->context, files, err);
	if (!rc)
		rc = load_client_ca(l->context, files->client_ca_file, err);
	if (rc)
		return rc;
	const X509 *shown = SSL_CTX_get0_certificate(l->context);
	l->from = unix_seconds(X509_get0_notBefore(shown));
	l->until = unix_seconds(X509_get0_notAfter(shown));
	*ret = take_ptr(&l);
	return 0;
}

struct tls_files_loaded *tls_files_loaded_free(struct tls_files_loaded *l)
{
	if (l) {
		SSL_CTX_free(l->context);
		free(l);
	}
	return NULL;
}

int64_t tls_loaded_until(const struct tls_files_loaded *l) { return l->until; }

static void add_day(struct buf *to, int64_t s)
{
	char text[32];
	time_t at = (time_t)s;
	struct tm tm;
	if (gmtime_r(&at, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf_add_str(to, text);
}

static void warn_of_time(struct buf *to, const char *path, const char *what, int64_t s,
			 const char *next)
{
	buf_addf(to, "tls.cert_file: the certificate in %s %s ", path, what);
	add_day(to, s);
	buf_addf(to, ": %s\n", next);
}

void tls_loaded_warn(const struct tls_files_loaded *l, const struct tls_files *f, int64_t now_s,
		     struct buf *to)
{
	struct stat st;
	const char *key = given(f->key_file) ? f->key_file : f->cert_file;
	const char *key_name = given(f->key_file) ? "tls.key_file" : "tls.cert_file";
	if (l->until <= now_s)
		warn_of_time(to, f->cert_file, "has ended, at", l->until,
			     "clients refuse it; put a new one there, then SIGHUP");
	else if (l->until - now_s < SOON_S)
		warn_of_time(to, f->cert_file, "ends soon, at", l->until,
			     "put a new one there, then SIGHUP");
	if (l->from > now_s)
		warn_of_time(to, f->cert_file, "is not valid before", l->from,
			     "clients refuse it until then; is the clock right?");
	if (stat(key, &st) == 0 && (st.st_mode & (S_IRWXO & ~S_IXOTH)))
		buf_addf(to, "%s: everybody on this machine can read or change %s: chmod o= %s\n",
			 key_name, key, key);
}

/* ---- in force ---- */

/* At the beginning of each handshake: it goes on with what is in force. */
static int choose(SSL *ssl, int *alert, void *user)
{
	struct tls *tls = user;
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *now = tls->now->context;
	SSL_CTX_up_ref(now);
	pthread_mutex_unlock(&tls->lock);
	bool taken = SSL_set_SSL_CTX(ssl, now) == now;
	if (taken)
		SSL_set_verify(ssl, SSL_CTX_get_verify_mode(now), NULL);
	SSL_CTX_free(now);
	if (!taken)
		*alert = SSL_AD_INTERNAL_ERROR;
	return taken ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

int tls_create(struct tls_files_loaded **loaded, struct tls **ret, struct sl_error *err)
{
	static const unsigned char name[] = "sluice";
	struct tls *tls = calloc(1, sizeof(*tls));
	SSL_CTX *outer = tls ? new_context() : NULL;
	if (!outer) {
		free(tls);
		return sl_fail(err, SL_E_NO_MEMORY, "no memory for TLS");
	}
	/* Nothing is resumed, but a client that tries to is refused unless this is set. */
	SSL_CTX_set_session_id_context(outer, name, sizeof(name) - 1);
	SSL_CTX_set_verify_depth(outer, DEPTH_MAX);
	SSL_CTX_set_client_hello_cb(outer, choose, tls);
	tls->outer = outer;
	tls->now = take_ptr(loaded);
	pthread_mutex_init(&tls->lock, NULL);
	*ret = tls;
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (tls) {
		SSL_CTX_free(tls->outer);
		tls_files_loaded_free(tls->now);
		pthread_mutex_destroy(&tls->lock);
		free(tls);
	}
	return NULL;
}

void tls_adopt(struct tls *tls, struct tls_files_loaded **loaded)
{
	pthread_mutex_lock(&tls->lock);
	struct tls_files_loaded *before = tls->now;
	tls->now = take_ptr(loaded);
	pthread_mutex_unlock(&tls->lock);
	tls_files_loaded_free(before);
}

int64_t tls_until(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	int64_t until = tls->now->until;
	pthread_mutex_unlock(&tls->lock);
	return until;
}

void *tls_library_context(struct tls *tls)
{
	tls_library_needed();
	return tls->outer;
}
