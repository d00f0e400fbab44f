#include "core/calls/caller_head.h"

#include "core/base/crypt.h"

#include <assert.h>

/* ---- the signature ---- */

struct signing {
	struct signer *signer;
	const char *webhook_id;
	char time[NUMBER_TEXT_SIZE + 2]; /* ".<seconds>." */
	struct bytes body;
};

static void sign_with(struct buf *to, struct bytes key, const struct signing *s)
{
	uint8_t mac[CRYPT_HASH_SIZE];
	const struct bytes piece[] = {bytes_str(s->webhook_id), bytes_str(s->time), s->body};
	signer_mac(s->signer, key, piece, countof(piece), mac);
	buf_add_str(to, "v1,");
	crypt_base64(to, bytes_of(mac, sizeof(mac)));
}

static int sign(struct buf *to, const struct feature *feature, struct signing *s,
		int64_t timestamp_s, int64_t now_ms)
{
	size_t len = 1 + number_format((uint64_t)timestamp_s, s->time + 1);
	s->time[0] = '.';
	memcpy(s->time + len, ".", 2);
	sign_with(to, feature->signing_key, s);
	if (feature->old_key.len && now_ms < feature->old_key_until_ms) {
		buf_add_char(to, ' ');
		sign_with(to, feature->old_key, s);
	}
	return to->rc;
}

int caller_sign(struct buf *to, const struct feature *feature, const char *webhook_id,
		int64_t timestamp_s, struct bytes body, int64_t now_ms)
{
	struct signing s = {.webhook_id = webhook_id, .body = body};
	return sign(to, feature, &s, timestamp_s, now_ms);
}

/* ---- the lines ---- */

struct lines {
	struct buf *text; /* may move while it grows */
	size_t at[CALLER_HEADERS_MAX], n;
};

static struct buf *begin(struct lines *l, const char *name)
{
	assert(l->n + 1 < CALLER_HEADERS_MAX);
	l->at[l->n++] = l->text->len;
	buf_add_str(l->text, name);
	return l->text;
}

static void end(struct lines *l) { buf_add_char(l->text, '\0'); }

static void add(struct lines *l, const char *name, const char *value)
{
	buf_add_str(begin(l, name), value);
	end(l);
}

static void add_number(struct lines *l, const char *name, uint64_t value)
{
	buf_add_number(begin(l, name), value);
	end(l);
}

static void add_signature(struct lines *l, const struct caller_head *h)
{
	struct signing s = {
		.signer = h->signer, .webhook_id = h->ask->webhook_id, .body = h->ask->body};
	(void)sign(begin(l, "webhook-signature: "), h->ask->plugin->feature, &s, h->now_ms / 1000,
		   h->now_ms);
	end(l);
}

static void add_all(struct lines *l, const struct caller_head *h)
{
	const struct ask *ask = h->ask;
	const struct plugin *plugin = ask->plugin;
	char job[UUID_TEXT_SIZE];
	add(l, "Content-Type: application/json", "");
	add(l, "webhook-id: ", ask->webhook_id);
	add_number(l, "webhook-timestamp: ", (uint64_t)(h->now_ms / 1000));
	add_signature(l, h);
	add(l, "Sluice-Protocol: 1", "");
	add(l, "Sluice-Job-Id: ", uuid_format(ask->job, job));
	add(l, "Sluice-Plugin-Key: ", plugin->key);
	add(l, "Sluice-Stage: ", plugin_type_name(plugin->type));
	add_number(l, "Sluice-Attempt: ", h->attempt);
	add_number(l, "Sluice-Deadline-Ms: ", h->timeout_ms);
	if (ask->dry_run)
		add(l, "Sluice-Dry-Run: true", "");
	if (ask->traceparent)
		add(l, "traceparent: ", ask->traceparent);
	if (plugin->feature->authorization[0])
		add(l, "Authorization: ", plugin->feature->authorization);
}

int caller_head_make(const struct caller_head *head, struct buf *text,
		     const char *line[CALLER_HEADERS_MAX])
{
	struct lines l = {.text = text};
	buf_reset(text);
	add_all(&l, head);
	if (text->rc)
		return text->rc;
	for (size_t i = 0; i < l.n; i++)
		line[i] = text->at + l.at[i];
	line[l.n] = NULL;
	return 0;
}
