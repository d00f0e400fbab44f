/* One line of JSON per event, to standard error. While a service runs, lines of level info are
 * written a little later, many at once: a write for each would cost more than all else. */
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BEHIND_SIZE = 64 << 10, BEHIND_MS = 100 };

struct log_behind {
	pthread_t thread;
	pthread_mutex_t writing; /* taken before `lock`, held while lines are written */
	pthread_mutex_t lock;    /* for what follows; never held over a write */
	pthread_cond_t some;
	bool ending;
	size_t len;
	char *lines, *spare; /* BEHIND_SIZE each */
	char space[2][BEHIND_SIZE];
};

static bool is_number(const char *name)
{
	return strcmp(name, "status") == 0 || strcmp(name, "ms") == 0 ||
	       strcmp(name, "again_in_s") == 0;
}

static void write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t done = write(STDERR_FILENO, text, len);
		if (done < 0 && errno != EINTR)
			return; /* there is nowhere to tell of a log that is gone */
		if (done > 0) {
			text += done;
			len -= (size_t)done;
		}
	}
}

static void flush(struct log_behind *behind)
{
	pthread_mutex_lock(&behind->writing);
	pthread_mutex_lock(&behind->lock);
	char *lines = behind->lines;
	size_t len = behind->len;
	behind->lines = behind->spare;
	behind->spare = lines;
	behind->len = 0;
	pthread_mutex_unlock(&behind->lock);
	write_all(lines, len);
	pthread_mutex_unlock(&behind->writing);
}

static void *write_behind(void *user)
{
	struct log_behind *behind = user;
	pthread_mutex_lock(&behind->lock);
	while (!behind->ending) {
		struct timespec when;
		while (behind->len == 0 && !behind->ending)
			pthread_cond_wait(&behind->some, &behind->lock);
		clock_gettime(CLOCK_REALTIME, &when);
		when.tv_nsec += BEHIND_MS * 1000000L;
		when.tv_sec += when.tv_nsec / 1000000000;
		when.tv_nsec %= 1000000000;
		while (!behind->ending &&
		       pthread_cond_timedwait(&behind->some, &behind->lock, &when) != ETIMEDOUT)
			;
		pthread_mutex_unlock(&behind->lock);
		flush(behind);
		pthread_mutex_lock(&behind->lock);
	}
	pthread_mutex_unlock(&behind->lock);
	return NULL;
}

static void behind_free(struct log_behind *behind)
{
	pthread_cond_destroy(&behind->some);
	pthread_mutex_destroy(&behind->lock);
	pthread_mutex_destroy(&behind->writing);
	free(behind);
}

bool log_start(struct sluice_app *app)
{
	struct log_behind *behind = calloc(1, sizeof *behind);
	if (!behind)
		return false;
	pthread_mutex_init(&behind->writing, NULL);
	pthread_mutex_init(&behind->lock, NULL);
	pthread_cond_init(&behind->some, NULL);
	behind->lines = behind->space[0];
	behind->spare = behind->space[1];
	if (pthread_create(&behind->thread, NULL, write_behind, behind) != 0) {
		behind_free(behind);
		return false;
	}
	app->behind = behind;
	return true;
}

void log_flush(struct sluice_app *app)
{
	if (app->behind)
		flush(app->behind);
}

void log_end(struct sluice_app *app)
{
	struct log_behind *behind = app->behind;
	if (!behind)
		return;
	pthread_mutex_lock(&behind->lock);
	behind->ending = true;
	pthread_cond_signal(&behind->some);
	pthread_mutex_unlock(&behind->lock);
	pthread_join(behind->thread, NULL);
	flush(behind);
	app->behind = NULL;
	behind_free(behind);
}

static void put(struct log_behind *behind, const char *line, size_t len, bool at_once)
{
	if (!behind) {
		write_all(line, len);
		return;
	}
	pthread_mutex_lock(&behind->lock);
	while (len > BEHIND_SIZE - behind->len) {
		pthread_mutex_unlock(&behind->lock);
		flush(behind);
		pthread_mutex_lock(&behind->lock);
	}
	if (behind->len == 0 && !at_once)
		pthread_cond_signal(&behind->some);
	memcpy(behind->lines + behind->len, line, len);
	behind->len += len;
	pthread_mutex_unlock(&behind->lock);
	if (at_once)
		flush(behind);
}

/* A line that is being written. What does not fit is left out, whole members at a time. */
struct line {
	size_t len;
	char text[4096];
};

static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (*value < ' ' || *value > '~' || *value == '"' || *value == '\\')
			return false;
	return true;
}

static void put_text(char **at, const char *text, size_t len)
{
	memcpy(*at, text, len);
	*at += len;
}

static void add(struct line *line, const char *name, const char *value, const char *quote)
{
	size_t name_len = strlen(name), value_len = strlen(value), quote_len = strlen(quote);
	size_t len = sizeof ",\"\":" - 1 + name_len + value_len + 2 * quote_len;
	if (len > sizeof line->text - sizeof "}\n" - line->len)
		return;
	char *at = line->text + line->len;
	put_text(&at, line->len > 0 ? ",\"" : "{\"", 2);
	put_text(&at, name, name_len);
	put_text(&at, "\":", 2);
	put_text(&at, quote, quote_len);
	put_text(&at, value, value_len);
	put_text(&at, quote, quote_len);
	line->len += len;
}

static void add_text(struct line *line, const char *name, const char *value)
{
	struct json_object *text = NULL;
	if (is_plain(value)) {
		add(line, name, value, "\"");
	} else if ((text = json_object_new_string(value))) {
		add(line, name, json_object_to_json_string_ext(text, JSON_C_TO_STRING_PLAIN), "");
		json_object_put(text);
	}
}

static void begin(struct line *line, const char *level, const char *msg, const char *plugin)
{
	struct timespec now;
	struct tm utc;
	char stamp[48];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp + len, sizeof stamp - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
	add(line, "time", stamp, "\"");
	add(line, "level", level, "\"");
	add_text(line, "msg", msg);
	add_text(line, "plugin", plugin);
}

void log_line(const struct sluice_app *app, const char *level, const char *msg, ...)
{
	if (app->silent)
		return;
	struct line line = {0};
	begin(&line, level, msg, app->feature);
	va_list facts;
	const char *name;
	va_start(facts, msg);
	while ((name = va_arg(facts, const char *))) {
		const char *value = va_arg(facts, const char *);
		if (!value || !*value)
			continue;
		if (is_number(name))
			add(&line, name, value, "");
		else
			add_text(&line, name, value);
	}
	va_end(facts);
	memcpy(line.text + line.len, "}\n", 2);
	put(app->behind, line.text, line.len + 2, strcmp(level, "info") != 0);
}
