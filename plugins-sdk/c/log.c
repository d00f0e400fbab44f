#include "internal.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static bool is_number(const char *name)
{
	return strcmp(name, "status") == 0 || strcmp(name, "ms") == 0 ||
	       strcmp(name, "again_in_s") == 0;
}

/* One line of JSON per event, in one write. */
void log_line(const struct sluice_app *app, const char *level, const char *msg, ...)
{
	if (app->silent)
		return;
	struct timespec now;
	struct tm utc;
	char seconds[32], stamp[48];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp, sizeof stamp, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
	struct json_object *line = json_object_new_object();
	json_object_object_add(line, "time", json_object_new_string(stamp));
	json_object_object_add(line, "level", json_object_new_string(level));
	json_object_object_add(line, "msg", json_object_new_string(msg));
	json_object_object_add(line, "plugin", json_object_new_string(app->feature));
	va_list facts;
	const char *name;
	va_start(facts, msg);
	while ((name = va_arg(facts, const char *))) {
		const char *value = va_arg(facts, const char *);
		if (!value || !*value)
			continue;
		json_object_object_add(line, name,
				       is_number(name) ? json_object_new_double_s(0, value)
						       : json_object_new_string(value));
	}
	va_end(facts);
	fprintf(stderr, "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
	json_object_put(line);
}
