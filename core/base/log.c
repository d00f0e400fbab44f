#include "core/base/log.h"

#include "core/base/buf.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16384 };

#define X(name) TOPIC_##name,
enum topic { LOG_TOPIC_MAP(X) TOPICS };
#undef X

enum { SLOTS = 64, AS_THE_REST = -1 };

static const char *const topic_names[TOPICS] = {
#define X(name) #name,
	LOG_TOPIC_MAP(X)
#undef X
};

/** How often one message was told in the present window. */
struct told {
	const char *msg; /* the literal itself */
	int64_t since_ms;
	uint32_t lines, suppressed;
};

struct log {
	int fd;
	atomic_int format, level;
	atomic_int topic_level[TOPICS];
	pthread_mutex_t lock; /* of `told` */
	struct told told[SLOTS];
	struct metric_counter lines[LOG_LEVELS], suppressed;
};

static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug"};

int log_create(int fd, enum log_format format, enum log_level level, struct log **ret)
{
	struct log *log = calloc(1, sizeof(*log));
	if (!log)
		return SL_E_NO_MEMORY;
	log->fd = fd;
	pthread_mutex_init(&log->lock, NULL);
	log_set(log, format, level, NULL, 0);
	*ret = log;
	return 0;
}

struct log *log_free(struct log *log)
{
	if (log)
		pthread_mutex_destroy(&log->lock);
	free(log);
	return NULL;
}

/* ---- levels ---- */

static int topic_of(struct bytes name)
{
	for (int i = 0; i < TOPICS; i++)
		if (bytes_is(name, topic_names[i]))
			return i;
	return -1;
}

bool log_is_topic(struct bytes name) { return topic_of(name) >= 0; }

void log_topics(struct buf *to)
{
	for (int i = 0; i < TOPICS; i++)
		buf_addf(to, "%s%s", i ? ", " : "", topic_names[i]);
}

/* "driver=debug" */
static void set_topic(struct log *log, const char *text)
{
	const char *equals = strchr(text, '=');
	enum log_level level;
	int topic = equals ? topic_of(bytes_of(text, (size_t)(equals - text))) : -1;
	if (topic >= 0 && log_level_parse(equals + 1, &level) == 0)
		atomic_store(&log->topic_level[topic], (int)level);
}

void log_set(struct log *log, enum log_format format, enum log_level level,
	     const char *const *levels, size_t n)
{
	atomic_store(&log->format, (int)format);
	atomic_store(&log->level, (int)level);
	for (int i = 0; i < TOPICS; i++)
		atomic_store(&log->topic_level[i], AS_THE_REST);
	for (size_t i = 0; i < n; i++)
		set_topic(log, levels[i]);
}

bool log_wants(const struct log *log, enum log_level level, const char *topic)
{
	if (!log)
		return false;
	int i = topic_of(bytes_str(topic));
	int own = i < 0 ? AS_THE_REST : atomic_load(&log->topic_level[i]);
	return (int)level <= (own == AS_THE_REST ? atomic_load(&log->level) : own);
}

/* ---- not too many of one kind ---- */

/* The message's place; another one that falls on it takes it over. */
static struct told *told_of(struct log *log, const char *msg, int64_t now_ms)
{
	struct told *t = &log->told[((uintptr_t)msg >> 3) % SLOTS];
	if (t->msg != msg)
		*t = (struct told){.msg = msg, .since_ms = now_ms};
	return t;
}

/* False: this line is one too many. Else *ret were left out before it. */
static bool may_tell(struct log *log, enum log_level level, const char *msg, uint32_t *ret)
{
	*ret = 0;
	if (level == LOG_DEBUG)
		return true;
	int64_t now_ms = clock_mono_ms(&clock_system);
	pthread_mutex_lock(&log->lock);
	struct told *t = told_of(log, msg, now_ms);
	if (now_ms - t->since_ms >= LOG_WINDOW_MS) {
		*ret = t->suppressed;
		t->lines = t->suppressed = 0;
		t->since_ms = now_ms;
	}
	bool good = t->lines++ < LOG_BURST;
	t->suppressed += !good;
	pthread_mutex_unlock(&log->lock);
	metric_add(good ? &log->lines[level] : &log->suppressed, 1);
	return good;
}

void log_write_metrics(const struct log *log, struct buf *to)
{
	metric_head(to, "sluice_log_lines_total", "counter", "Lines of the log, by level.");
	for (int i = 0; log && i < LOG_DEBUG; i++) {
		scoped(buf_finip) struct buf labels = {0};
		buf_init(&labels, 64);
		metric_label(&labels, "level", bytes_str(level_names[i]));
		metric_sample(to, "sluice_log_lines_total", buf_str(&labels),
			      metric_read(&log->lines[i]));
	}
	metric_single(to, "sluice_log_lines_suppressed_total", "counter",
		      "Lines of the log that were left out, being too many of one kind.",
		      log ? metric_read(&log->suppressed) : 0);
}

/* ---- lines ---- */

/* Bytes of the UTF-8 character at `at`, or 0: it is none. */
static int character(const unsigned char *at)
{
	static const struct {
		uint8_t first, last, low, high, len; /* low, high: of the second byte */
	} forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		     {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		     {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		     {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		     {0xf4, 0xf4, 0x80, 0x8f, 4}};
	for (size_t i = 0; i < countof(forms); i++) {
		if (at[0] < forms[i].first || at[0] > forms[i].last)
			continue;
		if (forms[i].len > 1 && (at[1] < forms[i].low || at[1] > forms[i].high))
			return 0;
		for (int k = 2; k < forms[i].len; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

static void add_escaped(struct buf *to, const char *text)
{
	bool cut = strlen(text) > LOG_VALUE_MAX;
	const char *end = text + bytes_cut(bytes_str(text), LOG_VALUE_MAX).len;
	for (int len; text < end; text += len ? len : 1) {
		const unsigned char *c = (const unsigned char *)text;
		len = character(c);
		if (!len)
			buf_add_str(to, "\\ufffd");
		else if (*c == '"' || *c == '\\')
			buf_addf(to, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			buf_addf(to, "\\u%04x", *c);
		else if (*c == 0xc2 && c[1] < 0xa0) /* terminals obey U+0080-9F */
			buf_addf(to, "\\u%04x", c[1]);
		else
			buf_add(to, c, (size_t)len);
	}
	buf_add_str(to, cut ? "..." : "");
}

static bool needs_quotes(const char *text)
{
	if (!*text || strlen(text) > LOG_VALUE_MAX)
		return true;
	for (; *text; text++)
		if (!isgraph((unsigned char)*text) || *text == '"' || *text == '=' || *text == '\\')
			return true;
	return false;
}

static void add_quoted(struct buf *to, const char *text)
{
	buf_add_char(to, '"');
	add_escaped(to, text);
	buf_add_char(to, '"');
}

static void add_pair(struct buf *line, enum log_format format, const char *key, const char *value)
{
	if (format == LOG_JSON) {
		buf_addf(line, "%s\"%s\":", line->len > 1 ? "," : "", key);
		add_quoted(line, value);
		return;
	}
	buf_addf(line, "%s%s=", line->len ? " " : "", key);
	if (needs_quotes(value))
		add_quoted(line, value);
	else
		buf_add_str(line, value);
}

void log_line(struct log *log, enum log_level level, const char *topic, const char *msg, ...)
{
	uint32_t suppressed;
	char number[16];
	if (!log_wants(log, level, topic) || !may_tell(log, level, msg, &suppressed))
		return;
	enum log_format format = (enum log_format)atomic_load(&log->format);
	char time_text[TIME_TEXT_SIZE];
	scoped(buf_finip) struct buf line;
	buf_init(&line, LINE_MAX_BYTES);
	if (format == LOG_JSON)
		buf_add_char(&line, '{');
	add_pair(&line, format, "time", time_format(clock_wall_ms(&clock_system), time_text));
	add_pair(&line, format, "level", level_names[level]);
	add_pair(&line, format, "topic", topic);
	add_pair(&line, format, "msg", msg);
	va_list ap;
	va_start(ap, msg);
	for (const char *key; (key = va_arg(ap, const char *));) {
		const char *value = va_arg(ap, const char *);
		size_t most = value ? strlen(value) : 0;
		most = 6 * (most < LOG_VALUE_MAX ? most : LOG_VALUE_MAX) + strlen(key) + 64;
		if (value && line.len + most < LINE_MAX_BYTES)
			add_pair(&line, format, key, value);
	}
	va_end(ap);
	snprintf(number, sizeof(number), "%u", suppressed);
	if (suppressed)
		add_pair(&line, format, "suppressed", number);
	buf_add_str(&line, format == LOG_JSON ? "}\n" : "\n");
	if (write(log->fd, line.at, line.len) < 0)
		return; /* nowhere left to say so */
}

const char *log_level_name(enum log_level level) { return level_names[level]; }

int log_level_parse(const char *name, enum log_level *ret)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	return SL_E_INVALID;
}
