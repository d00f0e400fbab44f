#include "api/tls_library.h"

#include <dlfcn.h>
#include <openssl/ssl.h>

#undef SSL_get_peer_certificate
X509 *SSL_get_peer_certificate(const SSL *ssl);

/* Found by name, so it is exported (meson.build). */
X509 *SSL_get_peer_certificate(const SSL *ssl) { return SSL_get1_peer_certificate(ssl); }

/* In front of the loader's own, for every library of this program. */
void *dlopen(const char *name, int flags)
{
	void *(*loaders)(const char *, int) =
		(void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
	bool linked = name && (strcmp(name, "libssl.so") == 0 || strcmp(name, "libcrypto.so") == 0);
	return loaders(linked ? NULL : name, flags);
}

void tls_library_needed(void) {}
