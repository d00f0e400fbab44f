#include "core/calls/caller_head.h"

#include "core/base/crypt.h"

#include <stdio.h>

static void sign_with(struct buf *to, struct bytes key, const char *webhook_id,
		      const char *timestamp, struct bytes body)
{
	uint8_t mac[CRYPT_HASH_SIZE];
	const struct bytes piece[] = {bytes_str(webhook_id), BYTES("."), bytes_str(timestamp),
				      BYTES("."), body};
	crypt_hmac_sha256(key, piece, countof(piece), mac);
	buf_add_str(to, "v1,");
	crypt_base64(to, bytes_of(mac, sizeof(mac)));
}

int caller_sign(struct buf *to, const struct feature *feature, const char *webhook_id,
		int64_t timestamp_s, struct bytes body, int64_t now_ms)
{
	char timestamp[24];
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)timestamp_s);
	sign_with(to, feature->signing_key, webhook_id, timestamp, body);
	if (feature->old_key.len && now_ms < feature->old_key_until_ms) {
		buf_add_char(to, ' ');
		sign_with(to, feature->old_key, webhook_id, timestamp, body);
	}
	return to->rc;
}

static int write_lines(const struct caller_head *h, struct buf *text)
{
	const struct ask *ask = h->ask;
	const struct plugin *plugin = ask->plugin;
	char job[UUID_TEXT_SIZE];
	buf_addf(text, "Content-Type: application/json\nwebhook-id: %s\n", ask->webhook_id);
	buf_addf(text,
		 "webhook-timestamp: %lld\nwebhook-signature: ", (long long)(h->now_ms / 1000));
	int rc = caller_sign(text, plugin->feature, ask->webhook_id, h->now_ms / 1000, ask->body,
			     h->now_ms);
	buf_addf(text, "\nSluice-Protocol: 1\nSluice-Job-Id: %s\nSluice-Plugin-Key: %s\n",
		 uuid_format(ask->job, job), plugin->key);
	buf_addf(text, "Sluice-Stage: %s\nSluice-Attempt: %u\nSluice-Deadline-Ms: %u\n",
		 plugin_type_name(plugin->type), h->attempt, h->timeout_ms);
	if (ask->dry_run)
		buf_add_str(text, "Sluice-Dry-Run: true\n");
	if (ask->traceparent)
		buf_addf(text, "traceparent: %s\n", ask->traceparent);
	if (plugin->feature->authorization[0])
		buf_addf(text, "Authorization: %s\n", plugin->feature->authorization);
	return rc ? rc : text->rc;
}

static void split_lines(char *text, const char *line[CALLER_HEADERS_MAX])
{
	size_t n = 0;
	for (char *end; n + 1 < CALLER_HEADERS_MAX && (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		line[n++] = text;
	}
	line[n] = NULL;
}

int caller_head_make(const struct caller_head *head, struct buf *text,
		     const char *line[CALLER_HEADERS_MAX])
{
	int rc = write_lines(head, text);
	if (rc)
		return rc;
	(void)buf_str(text);
	split_lines(text->at, line);
	return text->rc;
}
