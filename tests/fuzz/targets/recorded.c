/* A file for `sluicectl plugin replay`, of any bytes: it is refused, or each of its calls is one
 * that can be sent, and also with other members put into it. Input: the file. */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include "cli/sluicectl/conform.h"

enum { BYTES_MAX = 16 << 20, ARENA_MAX = 64 << 20 };

static const struct json_limits limits = {BYTES_MAX, 1000};

static void write_file(char *path, const uint8_t *at, size_t len)
{
	int fd = mkstemp(path);
	fuzz_holds(fd >= 0 && write(fd, at, len) == (ssize_t)len);
	close(fd);
}

/* Put into it at the front, and still one object. */
static void vary(struct conform *c, struct bytes body)
{
	scoped(json_finip) struct json json = {0};
	struct bytes varied = conform_vary(c, body, "\"more\":[1]", "\"inside\":{\"a\":\"b\"}");
	fuzz_holds(varied.len > body.len);
	int rc = json_parse(&json, varied, &limits, NULL);
	if (rc) { /* only where the same member stands there already */
		fuzz_holds(memmem(body.at, body.len, "more", 4) ||
			   memmem(body.at, body.len, "inside", 6) ||
			   memchr(body.at, '\\', body.len));
		return;
	}
	json_at header = json_get(&json, 0, BYTES("header"));
	fuzz_holds(json_get(&json, 0, BYTES("more")) != JSON_NONE);
	if (header != JSON_NONE && json_type(&json, header) == JSON_OBJECT)
		fuzz_holds(json_get(&json, header, BYTES("inside")) != JSON_NONE);
}

static void check(struct conform *c, const struct sample *sample)
{
	scoped(json_finip) struct json json = {0};
	fuzz_holds(sample->name && sample->name[0]);
	fuzz_holds(sample->wanted_code == 0 ||
		   (sample->wanted_code >= 100 && sample->wanted_code < 600));
	fuzz_holds(json_parse(&json, sample->body, &limits, NULL) == 0);
	fuzz_holds(json_type(&json, 0) == JSON_OBJECT);
	if (sample->body.len < BYTES_MAX / 2)
		vary(c, sample->body);
	if (sample->wanted.len) {
		json_fini(&json);
		fuzz_holds(json_parse(&json, sample->wanted, &limits, NULL) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char path[] = "/tmp/fuzz_recorded.XXXXXX";
	struct ctl ctl = {0};
	FILE *real = stderr;
	struct conform *c = calloc(1, sizeof(*c));
	if (!c || arena_create(ARENA_MAX, &ctl.arena))
		abort();
	c->ctl = &ctl;
	write_file(path, at, len);
	stderr = fopen("/dev/null", "w"); /* what is refused is told */
	int code = conform_samples(c, path);
	fclose(stderr);
	stderr = real;
	fuzz_holds(code == CTL_DONE || code == CTL_REFUSED || code == CTL_USAGE);
	fuzz_holds((code == CTL_DONE) <= (c->samples > 0 && c->samples <= CONFORM_CALLS_MAX));
	for (size_t i = 0; code == CTL_DONE && i < c->samples; i++)
		check(c, &c->sample[i]);
	unlink(path);
	arena_free(ctl.arena);
	free(c);
	return 0;
}
