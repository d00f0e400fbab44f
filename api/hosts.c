#include "api/hosts.h"

#include <pthread.h>
#include <stdlib.h>

struct hosts {
	pthread_rwlock_t lock; /* over which `now` is */
	struct listen *now;
	char listen[LISTEN_TEXT_MAX];
};

static int read_names(const char *listen, const char *const *names, struct listen **ret,
		      struct sl_error *err)
{
	struct listen *fresh = malloc(sizeof(*fresh));
	int rc = fresh ? listen_read(listen, names, fresh, err) : SL_E_NO_MEMORY;
	if (rc)
		free(fresh);
	else
		*ret = fresh;
	return rc;
}

int hosts_create(const char *listen, const char *const *names, struct hosts **ret,
		 struct sl_error *err)
{
	struct hosts *h = calloc(1, sizeof(*h));
	int rc = h ? read_names(listen, names, &h->now, err) : SL_E_NO_MEMORY;
	if (!rc && pthread_rwlock_init(&h->lock, NULL))
		rc = SL_E_NO_MEMORY;
	if (rc) {
		if (h)
			free(h->now);
		free(h);
		return rc;
	}
	memcpy(h->listen, h->now->text, sizeof(h->listen));
	*ret = h;
	return 0;
}

struct hosts *hosts_free(struct hosts *h)
{
	if (!h)
		return NULL;
	pthread_rwlock_destroy(&h->lock);
	free(h->now);
	free(h);
	return NULL;
}

int hosts_replace(struct hosts *h, const char *const *names, struct sl_error *err)
{
	struct listen *fresh;
	int rc = read_names(h->listen, names, &fresh, err);
	if (rc)
		return rc;
	pthread_rwlock_wrlock(&h->lock);
	struct listen *old = h->now;
	h->now = fresh;
	pthread_rwlock_unlock(&h->lock);
	free(old);
	return 0;
}

int hosts_check(struct hosts *h, const struct request *req, struct sl_error *err)
{
	pthread_rwlock_rdlock(&h->lock);
	int rc = head_host(req, &h->now->hosts, err);
	pthread_rwlock_unlock(&h->lock);
	return rc;
}

const char *hosts_listen(const struct hosts *h) { return h->listen; }
