/* What is registered, and the small things: features, their order, tokens, META, and keys
 * of submissions. */
#include "core/check/internal.h"

#include "core/access/token.h"
#include "core/base/crypt.h"
#include "core/json/index.h"
#include "core/ledger/hold.h"
#include "core/registry.h"
#include "core/wire.h"

enum { TOKEN_TEXT_MAX = 4 * TOKEN_HEADER_MAX, OVERRIDE_SIZE = 14 };

/* ---- META ---- */

struct holds {
	bool bad;
};

static void see_hold(void *user, const struct hold *hold)
{
	struct holds *q = user;
	q->bad |= !json_is_utf8(hold->kind) || !json_is_utf8(hold->user);
}

static bool holds_are_bad(struct checking *c)
{
	struct holds q = {false};
	return hold_walk(c->txn, see_hold, &q) != 0 || q.bad;
}

/* Argon2id in the words of libsodium: its last part is a hash of 32 bytes in base64. */
static bool is_password(struct bytes val)
{
	enum { HASH_TEXT = 43 };
	const char *end = (const char *)val.at + val.len;
	return bytes_starts(val, "$argon2id$") && val.len < CRYPT_PASSWORD_HASH_SIZE &&
	       val.len > HASH_TEXT && end[-1 - HASH_TEXT] == '$' &&
	       !memchr(end - HASH_TEXT, '$', HASH_TEXT);
}

int check_meta(struct checking *c, struct bytes key, struct bytes val)
{
	const char *bad = "nothing of ours has such a key";
	if (bytes_is(key, "store.magic") && !store_has(c->txn, STORE_META, BYTES("store.id")))
		wrong(c, key, "the store has no id");
	if (bytes_is(key, "store.id") && !store_has(c->txn, STORE_META, BYTES("store.magic")))
		wrong(c, key, "the store does not say whose it is");
	if (bytes_is(key, "store.magic"))
		bad = bytes_is(val, "sluice") ? NULL : "this is no store of ours";
	else if (bytes_is(key, "store.format"))
		bad = NULL; /* else it had not been opened */
	else if (bytes_is(key, "store.id"))
		bad = val.len == 16 ? NULL : "the store's id cannot be read";
	else if (bytes_is(key, "token.key"))
		bad = val.len == CRYPT_KEY_SIZE ? NULL : "the key of access ids cannot be read";
	else if (bytes_is(key, "admin.password"))
		bad = is_password(val) ? NULL : "the admin's password cannot be read";
	else if (bytes_is(key, "config"))
		bad = bytes_starts(val, "{") ? NULL : "the configuration that is kept is none";
	else if (bytes_is(key, "erased"))
		bad = val.len == 16 ? NULL : "the newest id that was erased cannot be read";
	else if (bytes_is(key, "docs.old"))
		bad = val.len == 16 ? NULL : "the newest job of an older format cannot be read";
	else if (bytes_starts(key, "hold."))
		bad = holds_are_bad(c) ? "a hold cannot be read" : NULL;
	if (bad)
		wrong(c, key, "%s", bad);
	return 0;
}

/* ---- features ---- */

static void note_plugins(struct checking *c, const struct feature *f)
{
	for (uint32_t i = 0; i < f->plugins; i++) {
		uint8_t type = (uint8_t)f->plugin[i].type;
		store_put(c->notes, STORE_HOOKS, bytes_str(f->plugin[i].key), bytes_of(&type, 1));
	}
}

static void see_feature(void *user, const struct registry_stored *s)
{
	struct checking *c = user;
	c->sum->features++;
	c->sum->entries++;
	if (!s->feature) {
		wrong(c, s->name, "%s", s->why);
		c->features_unread = true;
		return;
	}
	if (!bytes_is(s->name, s->feature->name))
		wrong(c, s->name, "its record has another name");
	if (s->sealed && c->config->sealed)
		c->config->sealed(c->config->user, s->name);
	note_plugins(c, s->feature);
}

int check_features(struct checking *c)
{
	int rc = registry_read_stored(c->txn, c->config->secret_key, see_feature, c);
	if (rc != SL_E_CORRUPT && rc != SL_E_IO)
		return rc;
	wrong(c, BYTES(""), "the pages of features cannot be read");
	c->features_unread = true;
	return 0;
}

/* What was noted of each plugin, against ranks and subscribers. */
int check_plugins(struct checking *c)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct bytes plugin, type;
	int rc = store_cursor_open(c->notes, STORE_HOOKS, &cursor);
	if (rc)
		return rc;
	for (rc = store_seek(cursor, BYTES(""), &plugin, &type); rc == 0;
	     rc = store_next(cursor, &plugin, &type)) {
		struct check_key rank = {.len = 0}, hook = {.at = {'k'}, .len = 1};
		check_add(&rank, type);
		check_add(&rank, bytes_cut(plugin, 300));
		check_add(&hook, bytes_cut(plugin, 300));
		if (!store_has(c->txn, STORE_ORDER, check_bytes(&rank)))
			check_wrong(c, STORE_ORDER, check_bytes(&rank),
				    "the plugin has no place in the order");
		if (*(const uint8_t *)type.at == PLUGIN_LIFEHOOK &&
		    !store_has(c->txn, STORE_HOOKS, check_bytes(&hook)))
			check_wrong(c, STORE_HOOKS, check_bytes(&hook),
				    "the LifeHook is no subscriber");
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int check_order(struct checking *c, struct bytes key, struct bytes val)
{
	uint8_t first = *(const uint8_t *)key.at;
	struct bytes plugin = bytes_of((const char *)key.at + 1, key.len - 1), type;
	if (first == 'o') {
		if (val.len != OVERRIDE_SIZE || !plugin.len ||
		    ((const uint8_t *)val.at)[OVERRIDE_SIZE - 1] > FAILURE_IGNORE)
			wrong(c, key, "what the operator set cannot be read");
	} else if (first >= PLUGIN_TYPES || val.len != 8) {
		wrong(c, key, "this is no rank");
	} else if (!c->features_unread && (store_get(c->notes, STORE_HOOKS, plugin, &type) ||
					   *(const uint8_t *)type.at != first)) {
		wrong(c, key, "there is no such plugin");
	}
	return 0;
}

/* ---- tokens ---- */

int check_hash(struct checking *c, struct bytes key, struct bytes val)
{
	if (!store_has(c->txn, STORE_META, BYTES("token.key")))
		wrong(c, key, "the key of access ids is not there");
	if (key.len != CRYPT_HASH_SIZE || !store_has(c->txn, STORE_TOKENS, val))
		wrong(c, key, "the token of this access id is not there");
	else if (store_has(c->notes, STORE_HASHES, val))
		wrong(c, key, "the token %.*s has two access ids", BYTES_FMT(val));
	else
		store_put(c->notes, STORE_HASHES, val, BYTES(""));
	return 0;
}

int check_token(struct checking *c, struct bytes key, struct bytes val)
{
	scoped(buf_finip) struct buf keep = {0};
	struct token token;
	int64_t used_ms;
	c->sum->tokens++;
	buf_init(&keep, TOKEN_TEXT_MAX);
	int rc = token_decode(val, &keep, &token, &used_ms);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	if (rc || !bytes_is(key, token.id))
		wrong(c, key, "the token's record cannot be read");
	if (!store_has(c->notes, STORE_HASHES, key))
		wrong(c, key, "the token has no access id");
	return 0;
}

/* ---- keys of submissions ---- */

static void check_seen_key(struct checking *c, struct bytes key, struct bytes val)
{
	struct check_key by_time = {.at = {'t'}, .len = 1};
	const uint8_t *at = val.at;
	if (val.len != 8 + 16 + 32) {
		wrong(c, key, "what a key was used for cannot be read");
		return;
	}
	check_add(&by_time, bytes_of(at, 8));
	check_add(&by_time, key);
	if (!store_has(c->txn, STORE_SEEN, check_bytes(&by_time)))
		wrong(c, key, "it is not listed by its time");
	if (memcmp(at + 8, c->newest.at, 16) > 0)
		wrong(c, key, "its job is newer than all there are");
}

int check_seen(struct checking *c, struct bytes key, struct bytes val)
{
	const uint8_t *at = key.at;
	struct bytes now;
	if (key.len == 32)
		check_seen_key(c, key, val);
	else if (key.len != 41 || at[0] != 't' || val.len)
		wrong(c, key, "this is neither a key nor its time");
	else if (store_get(c->txn, STORE_SEEN, bytes_of(at + 9, 32), &now) || now.len < 8 ||
		 memcmp(now.at, at + 1, 8) < 0)
		wrong(c, key, "the key of this time is not there");
	return 0;
}
