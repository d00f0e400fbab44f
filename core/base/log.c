#include "core/base/log.h"

#include "core/base/buf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

struct log {
	int fd;
	atomic_int format, level;
};

static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug"};

int log_create(int fd, enum log_format format, enum log_level level, struct log **ret)
{
	struct log *log = calloc(1, sizeof(*log));
	if (!log)
		return SL_E_NO_MEMORY;
	log->fd = fd;
	log_set(log, format, level);
	*ret = log;
	return 0;
}

struct log *log_free(struct log *log)
{
	free(log);
	return NULL;
}

void log_set(struct log *log, enum log_format format, enum log_level level)
{
	atomic_store(&log->format, (int)format);
	atomic_store(&log->level, (int)level);
}

bool log_wants(const struct log *log, enum log_level level)
{
	return log && (int)level <= atomic_load(&log->level);
}

static void add_escaped(struct buf *to, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			buf_addf(to, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_addf(to, "\\u%04x", c);
		else if (c == 0xc2 && (unsigned char)text[1] >= 0x80 &&
			 (unsigned char)text[1] < 0xa0)
			buf_addf(to, "\\u%04x",
				 (unsigned char)*++text); /* terminals obey U+0080-9F */
		else
			buf_add_char(to, (char)c);
	}
}

static bool needs_quotes(const char *text)
{
	if (!*text)
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
	if (!log_wants(log, level))
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
		if (value && line.len + strlen(key) + 6 * strlen(value) + 16 < LINE_MAX_BYTES)
			add_pair(&line, format, key, value);
	}
	va_end(ap);
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
