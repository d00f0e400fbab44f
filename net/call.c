#include <stdlib.h>

#include "net/http.h"

enum { SLOTS_FIRST = 64, BLOCK_FIRST = 1024 };

/* Sent with each request; first in every list. "Expect:" without a value is libcurl's way
 * to leave the header out. */
static const char no_expect[] = "Expect:";

/* No early end: so it is done many bytes at a time. */
static bool is_plain(const char *text, size_t len)
{
	unsigned char odd = 0;
	for (size_t i = 0; i < len; i++)
		odd |= (unsigned char)((unsigned char)text[i] < ' ') & (text[i] != '\t');
	return !odd;
}

static int block_reserve(struct http_call *c, size_t size)
{
	if (size > HTTP_BLOCK_MAX)
		return SL_E_TOO_BIG;
	if (size <= c->block_size)
		return 0;
	size = size < BLOCK_FIRST ? BLOCK_FIRST : size;
	char *block = malloc(size);
	if (!block)
		return SL_E_NO_MEMORY;
	free(c->block);
	c->block = block;
	c->block_size = size;
	return 0;
}

static char *put(char **at, const char *text, size_t len)
{
	char *begin = *at;
	memcpy(begin, text, len);
	begin[len] = '\0';
	*at += len + 1;
	return begin;
}

/* A socket is asked as if it were a host; else the address is a URL as it stands. */
static int take_url(struct http *x, struct http_call *c, const struct call *in,
		    const struct target *t)
{
	struct buf text;
	if (!t->socket.len)
		return urls_take(&x->urls, bytes_str(in->url), &c->url);
	buf_init(&text, HTTP_BLOCK_MAX);
	buf_add_str(&text, "http://localhost");
	buf_add_bytes(&text, t->path);
	int rc = text.rc ? text.rc : urls_take(&x->urls, buf_bytes(&text), &c->url);
	buf_fini(&text);
	return rc;
}

/* One block holds the list's nodes, then every text. */
static int copy_texts(struct http_call *c, const struct call *in, const struct target *t)
{
	size_t count = 1, size = sizeof(no_expect) + t->socket.len + 1;
	for (; in->headers && in->headers[count - 1]; count++)
		size += strlen(in->headers[count - 1]) + 1;
	struct curl_slist *node;
	int rc = block_reserve(c, size + count * sizeof(*node));
	if (rc != 0)
		return rc;
	node = (struct curl_slist *)(void *)c->block;
	char *at = c->block + count * sizeof(*node);
	for (size_t i = 0; i < count; i++) {
		const char *text = i ? in->headers[i - 1] : no_expect;
		size_t len = strlen(text);
		if (!is_plain(text, len))
			return SL_E_INVALID;
		node[i].data = put(&at, text, len);
		node[i].next = i + 1 < count ? &node[i + 1] : NULL;
	}
	c->headers = node;
	c->socket = t->socket.len ? put(&at, t->socket.at, t->socket.len) : NULL;
	return 0;
}

static int slots_grow(struct http *x)
{
	size_t count = x->slot_count ? x->slot_count * 2 : SLOTS_FIRST;
	if (count > HTTP_CALLS_MAX)
		return SL_E_BUSY;
	struct http_slot *slots = reallocarray(x->slots, count, sizeof(*slots));
	if (!slots)
		return SL_E_NO_MEMORY;
	x->slots = slots;
	for (size_t i = count; i-- > x->slot_count;) {
		slots[i] = (struct http_slot){.generation = 1, .next_free = x->free_slot};
		x->free_slot = (uint32_t)i + 1;
	}
	x->slot_count = count;
	return 0;
}

static int slot_take(struct http *x, struct http_call *c)
{
	int rc = x->free_slot ? 0 : slots_grow(x);
	if (rc != 0)
		return rc;
	struct http_slot *slot = &x->slots[x->free_slot - 1];
	c->id = (call_id)slot->generation << 32 | x->free_slot;
	x->free_slot = slot->next_free;
	slot->call = c;
	return 0;
}

struct http_call *call_find(const struct http *x, call_id id)
{
	uint32_t index = (uint32_t)id;
	if (index == 0 || index > x->slot_count)
		return NULL;
	const struct http_slot *slot = &x->slots[index - 1];
	return slot->call && slot->generation == (uint32_t)(id >> 32) ? slot->call : NULL;
}

static void let_go(struct http_call *c)
{
	if (c->place)
		place_drop(c->place);
	if (c->url)
		urls_put(c->url);
	c->place = NULL;
	c->url = NULL;
}

void call_retire(struct http *x, struct http_call *call)
{
	struct http_slot *slot = &x->slots[(uint32_t)call->id - 1];
	slot->call = NULL;
	slot->generation++;
	slot->next_free = x->free_slot;
	x->free_slot = (uint32_t)call->id;
	let_go(call);
}

static struct http_call *call_free(struct http_call *c)
{
	buf_fini(&c->answer);
	free(c->block);
	free(c);
	return NULL;
}

void call_recycle(struct http *x, struct http_call *call)
{
	if (x->calls_idle_count >= HTTP_CALLS_IDLE_MAX) {
		call_free(call);
		return;
	}
	if (call->answer.cap > HTTP_ANSWER_KEPT_MAX)
		buf_fini(&call->answer);
	list_push(&x->calls_idle, &call->link);
	x->calls_idle_count++;
}

static struct http_call *call_reuse(struct http *x)
{
	struct list *idle = list_pop(&x->calls_idle);
	if (!idle) {
		struct http_call *fresh = calloc(1, sizeof(*fresh));
		if (fresh)
			list_init(&fresh->link);
		return fresh;
	}
	x->calls_idle_count--;
	return container_of(idle, struct http_call, link);
}

int call_create(struct http *x, const struct call *in, const struct target *target,
		struct http_call **ret)
{
	struct http_call *c = call_reuse(x);
	if (!c)
		return SL_E_NO_MEMORY;
	c->lane = NULL;
	c->body = in->body;
	c->timeout_ms = in->timeout_ms;
	c->answer_max = in->answer_max;
	c->tls = target->tls;
	c->header_bytes = 0;
	c->headed = false;
	c->retry_after_ms = -1;
	c->rc = 0;
	c->why[0] = '\0';
	c->answer.max = in->answer_max;
	buf_reset(&c->answer);
	c->place = place_take(&x->places, target->place);
	int rc = c->place ? copy_texts(c, in, target) : SL_E_NO_MEMORY;
	if (rc == 0)
		rc = take_url(x, c, in, target);
	if (rc == 0)
		rc = slot_take(x, c);
	if (rc != 0) {
		let_go(c);
		call_recycle(x, c);
		return rc;
	}
	*ret = c;
	return 0;
}

void calls_fini(struct http *x)
{
	for (struct list *l; (l = list_pop(&x->calls_idle));)
		call_free(container_of(l, struct http_call, link));
	free(x->slots);
	x->slots = NULL;
}
