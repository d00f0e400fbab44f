/* Finding a job's plugins: the index beside what anybody would write first.
 *
 * For 100, 1 000 and 10 000 selectors of three conditions each, half of them patterns, all
 * different, a header of 12 keys. In turn, over several rounds:
 *   index      selector_index_match(); the index was made by adding one after another
 *   jit, interpreter
 *              every selector, precompiled, one after another; the values of its keys are
 *              at hand for nothing, patterns have no limits
 *   alone      selector_match() of each
 * Then what a change of one selector costs, what the tables weigh, and how long one
 * evaluation of a hostile pattern takes.
 *
 * Prints a table, or with --json one object. Usage: bench-selectors [--json] [--quick] */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "selector/condition.h"
#include "selector/index/index.h"
#include "selector/internal.h"

enum { ROUNDS = 7, KEYS = 12, JOBS = 64, MOST = 10000, CONDITIONS = 3, CHANGES = 400 };
enum { INDEX, JIT, INTERPRETER, ALONE, WAYS };

static const char *const way_names[WAYS] = {"index", "jit", "interpreter", "alone"};
static const char *const key_names[KEYS] = {
	"userID",  "jobName", "jobKind", "jobID", "team",        "project",
	"cluster", "region",  "image",   "queue", "labels.tier", "labels.app",
};

/* ---- what is registered, and the jobs ---- */

struct naive {
	pcre2_code *jit[CONDITIONS], *plain[CONDITIONS];
	int key[CONDITIONS];
};

struct bench {
	struct selector_pool *pool;
	struct selector_index *index;
	struct selector_scratch *scratch;
	struct selector *selector[MOST];
	struct naive naive[MOST];
	uint32_t n;
	struct json job[JOBS];
	char *text[JOBS];
	struct bytes value[JOBS][KEYS];
	pcre2_match_data *data;
	unsigned long matched[WAYS];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-selectors: %s\n", what);
	exit(1);
}

/* Processor time: that of others on the machine does not count. */
static double now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static uint32_t any(uint32_t sides)
{
	static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(((uint64_t)(unsigned)rand() * odd) >> 33) % sides;
}

static bool is_pattern(unsigned i, unsigned k) { return (i + k) % 2; }

static void write_condition(unsigned i, unsigned k, char *to, size_t size)
{
	static const char *const patterns[] = {"/^v-%05u-/", "/(v|w)-%05u/", "/V-%05u-[a-z]+$/i",
					       "/^v-%05u(-x|-y)?/"};
	char expect[64];
	unsigned key = (i * 5 + k * 7) % KEYS;
	snprintf(expect, sizeof(expect), is_pattern(i, k) ? patterns[(i / 2 + k) % 4] : "v-%05u-x",
		 i * CONDITIONS + k);
	snprintf(to, size, "{\"name\":\"c%u\",\"key\":\"%s\",\"expect\":\"%s\"}", k, key_names[key],
		 expect);
}

static void add_naive(struct bench *b, unsigned i)
{
	struct naive *to = &b->naive[i];
	for (unsigned k = 0; k < CONDITIONS; k++) {
		const struct condition *c = &b->selector[i]->condition[k];
		int code;
		PCRE2_SIZE at;
		uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
				   (c->flags & REGEX_I ? PCRE2_CASELESS : 0);
		to->key[k] = (int)((i * 5 + k * 7) % KEYS);
		if (c->kind != CONDITION_REGEX)
			continue;
		to->plain[k] = pcre2_compile(c->text.at, c->text.len, options, &code, &at, NULL);
		to->jit[k] = pcre2_compile(c->text.at, c->text.len, options, &code, &at, NULL);
		if (!to->plain[k] || !to->jit[k] ||
		    pcre2_jit_compile(to->jit[k], PCRE2_JIT_COMPLETE) != 0)
			die("a pattern does not compile");
	}
}

static struct selector *make_selector(unsigned i)
{
	static const struct json_limits limits = {1 << 16, 16};
	static const char *const expressions[] = {"c0 && c1 && c2", "c0 && (c1 || c2)",
						  "(c0 || c1) && c2", "c0 && !c1 && c2",
						  "c0 || c1 || c2"};
	char condition[CONDITIONS][160], text[700];
	struct json json = {0};
	struct selector *s;
	for (unsigned k = 0; k < CONDITIONS; k++)
		write_condition(i, k, condition[k], sizeof(condition[k]));
	snprintf(text, sizeof(text), "{\"conditions\":[%s,%s,%s],\"expression\":\"%s\"}",
		 condition[0], condition[1], condition[2], expressions[i % 5]);
	struct selector_source none = {&json, JSON_NONE}, own = {&json, 0};
	if (json_parse(&json, bytes_str(text), &limits, NULL) != 0 ||
	    selector_compile(none, own, &s, NULL) != 0)
		die("a selector does not compile");
	json_fini(&json);
	return s;
}

static void change(struct bench *b, struct selector *gone, struct selector *come)
{
	struct selector_index *next;
	if (selector_index_change(b->index, &gone, gone != NULL, &come, 1, &next) != 0)
		die("the index cannot be changed");
	selector_index_free(b->index);
	b->index = next;
}

static void put(struct bench *b, unsigned at)
{
	struct selector *gone = b->selector[at], *s = make_selector(at);
	if (selector_join(s, b->pool, s, NULL) != 0)
		die("a selector cannot join");
	b->selector[at] = s;
	change(b, gone, s);
	selector_free(gone);
}

/* Most values are what one selector or another expects. */
static void make_job(struct bench *b, unsigned j, unsigned n)
{
	static const struct json_limits limits = {1 << 16, 16};
	char value[KEYS][64], text[2000];
	for (unsigned key = 0; key < KEYS; key++) {
		unsigned i = any(n), k = any(CONDITIONS);
		while ((i * 5 + k * 7) % KEYS != key) {
			i = any(n);
			k = any(CONDITIONS);
		}
		snprintf(value[key], sizeof(value[key]), "v-%05u-x", i * CONDITIONS + k);
	}
	int len = snprintf(text, sizeof(text), "{");
	for (unsigned key = 0; key < KEYS - 2; key++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "\"%s\":\"%s\",",
				key_names[key], value[key]);
	snprintf(text + len, sizeof(text) - (size_t)len,
		 "\"note\":\"looked at by nobody\",\"labels\":{\"tier\":\"%s\",\"app\":\"%s\"}}",
		 value[KEYS - 2], value[KEYS - 1]);
	free(b->text[j]);
	b->text[j] = strdup(text);
	if (json_parse(&b->job[j], bytes_str(b->text[j]), &limits, NULL) != 0)
		die("a job cannot be read");
	for (unsigned key = 0; key < KEYS; key++) {
		json_at at = condition_find(&b->job[j], bytes_str(key_names[key]));
		struct bytes raw = json_raw(&b->job[j], at);
		b->value[j][key] = bytes_of((const char *)raw.at + 1, raw.len - 2);
	}
}

/* ---- the ways ---- */

struct asking {
	struct bench *b;
	unsigned job, selector;
	int way;
};

static enum verdict ask(void *user, unsigned k)
{
	struct asking *q = user;
	struct bench *b = q->b;
	const struct naive *n = &b->naive[q->selector];
	struct bytes value = b->value[q->job][n->key[k]];
	pcre2_code *code = q->way == JIT ? n->jit[k] : n->plain[k];
	if (!code)
		return bytes_eq(b->selector[q->selector]->condition[k].text, value) ? VERDICT_TRUE
										    : VERDICT_FALSE;
	int rc = q->way == JIT ? pcre2_jit_match(code, value.at, value.len, 0, PCRE2_NO_UTF_CHECK,
						 b->data, NULL)
			       : pcre2_match(code, value.at, value.len, 0,
					     PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, b->data, NULL);
	return rc >= 0 ? VERDICT_TRUE : VERDICT_FALSE;
}

static void found(void *user, const void *owner SL_UNUSED, enum verdict verdict,
		  const struct sl_error *err SL_UNUSED)
{
	unsigned long *n = user;
	*n += verdict == VERDICT_TRUE;
}

static void match_job(struct bench *b, unsigned job, int way)
{
	struct asking q = {b, job, 0, way};
	if (way == INDEX) {
		if (selector_index_match(b->index, b->scratch, &b->job[job], found,
					 &b->matched[way]) != 0)
			die("out of memory");
		return;
	}
	for (; q.selector < b->n; q.selector++) {
		const struct selector *s = b->selector[q.selector];
		enum verdict v = way == ALONE ? selector_match(s, b->scratch, &b->job[job], NULL)
					      : program_evaluate(&s->program, ask, &q);
		b->matched[way] += v == VERDICT_TRUE;
	}
}

/* Microseconds a job. */
static double measure(struct bench *b, int way, unsigned times)
{
	double from = now_us();
	for (unsigned i = 0; i < times; i++)
		match_job(b, i % JOBS, way);
	return (now_us() - from) / times;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *at, size_t n)
{
	qsort(at, n, sizeof(*at), by_size);
	return at[n / 2];
}

/* ---- one size ---- */

struct row {
	uint32_t n;
	double us[WAYS];
	double change_us, change_most_us; /* in the thread that registers */
	struct selector_index_view view;
};

static void check_same(struct bench *b)
{
	memset(b->matched, 0, sizeof(b->matched));
	for (int way = 0; way < WAYS; way++)
		measure(b, way, JOBS / 8);
	for (int way = 1; way < WAYS; way++)
		if (b->matched[way] != b->matched[INDEX])
			die("the ways do not agree");
}

static void measure_changes(struct bench *b, struct row *row)
{
	double us[CHANGES];
	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned at = any(b->n);
		struct selector *gone = b->selector[at], *s = make_selector(at);
		double from = now_us();
		if (selector_join(s, b->pool, s, NULL) != 0)
			die("a selector cannot join");
		b->selector[at] = s;
		change(b, gone, s);
		us[i] = now_us() - from;
		selector_free(gone);
	}
	row->change_us = median(us, CHANGES);
	row->change_most_us = us[CHANGES - 1];
}

static void run_size(struct bench *b, uint32_t n, unsigned rounds, struct row *row)
{
	double us[WAYS][ROUNDS];
	for (; b->n < n; b->n++) {
		put(b, b->n);
		add_naive(b, b->n);
	}
	for (unsigned j = 0; j < JOBS; j++)
		make_job(b, j, n);
	check_same(b);
	for (unsigned r = 0; r < rounds; r++)
		for (int way = 0; way < WAYS; way++)
			us[way][r] = measure(b, way, way == INDEX ? 20 * JOBS : 80000 / n);
	*row = (struct row){.n = n, .view = selector_index_view(b->index)};
	for (int way = 0; way < WAYS; way++)
		row->us[way] = median(us[way], rounds);
	measure_changes(b, row);
}

/* ---- hostile patterns ---- */

struct hostile {
	double typical_us, worst_us;
	const char *pattern;
	unsigned values;
};

static const char *const hostile_patterns[] = {
	"(a+)+$",
	"(a*)*b",
	"(a|aa)+$",
	"(a|a?)+b",
	"^(([a-z])+.)+[A-Z]([a-z])+$",
	"(.*)*x",
	".*.*.*.*.*=.*",
	"(x+x+)+y",
	"([a-zA-Z]+)*!",
	"(a{0,30}){0,30}b",
	"(?=(a+))\\\\1b",
	"(.+)\\\\1{8}b",
	"(?:(?:a?){50}){50}b",
	"\\\\X+z",
	"(\\\\X*)*z",
	"\\\\p{L}*\\\\p{L}*\\\\p{L}*9",
	"(?i)(a|b|ab)*c",
	"(?R)?a(?R)?b",
	"(a(?1)?b?)+c",
	"^(?:a?){200}a{200}$",
	"[^b]*[^b]*[^b]*b$",
	"(\\\\w*\\\\W*)*\\\\x07",
	"((((((a*)*)*)*)*)*)*b",
	"(?<=a{1,3})a*a*a*b",
	".{1,900}.{1,900}b",
	"\\\\b(\\\\w+)\\\\b.*\\\\b\\\\1\\\\b.*q",
};

static void fill_value(char *to, size_t len, unsigned which)
{
	static const char *const parts[] = {"a", "ab", "aA1 ", "=", "x", "e\xcc\x81", "a,b;c.d "};
	size_t at = 0, n = strlen(parts[which]);
	while (at + n < len) {
		memcpy(to + at, parts[which], n);
		at += n;
	}
	memcpy(to + at, "!", 2);
}

static double evaluate(struct selector *s, struct selector_scratch *scratch, const char *value)
{
	static const struct json_limits limits = {1 << 16, 16};
	char text[2000];
	struct json job = {0};
	snprintf(text, sizeof(text), "{\"k\":\"%s\"}", value);
	if (json_parse(&job, bytes_str(text), &limits, NULL) != 0)
		die("a value cannot be read");
	double from = now_us();
	(void)selector_match(s, scratch, &job, NULL);
	double us = now_us() - from;
	json_fini(&job);
	return us;
}

static struct selector *hostile_selector(const char *pattern)
{
	static const struct json_limits limits = {1 << 16, 16};
	char text[700];
	struct json json = {0};
	struct selector *s = NULL;
	snprintf(text, sizeof(text),
		 "{\"conditions\":[{\"name\":\"c\",\"key\":\"k\",\"expect\":\"/%s/\"}],"
		 "\"expression\":\"c\"}",
		 pattern);
	struct selector_source none = {&json, JSON_NONE}, own = {&json, 0};
	if (json_parse(&json, bytes_str(text), &limits, NULL) != 0)
		die(pattern);
	if (selector_compile(none, own, &s, NULL) != 0)
		s = NULL; /* some are refused */
	json_fini(&json);
	return s;
}

/* The least of some tries, as a busy machine takes the processor away in between. */
static void run_hostile(struct bench *b, struct hostile *h)
{
	static const size_t lens[] = {1024, 512, 64, 30};
	double us[countof(hostile_patterns) * 28];
	unsigned n = 0;
	for (size_t i = 0; i < countof(hostile_patterns); i++) {
		struct selector *s = hostile_selector(hostile_patterns[i]);
		for (unsigned v = 0; s && v < 28; v++) {
			char value[1100];
			double least = 1e9;
			fill_value(value, lens[v / 7], v % 7);
			for (int try = 0; try < 3; try++) {
				double took = evaluate(s, b->scratch, value);
				least = took < least ? took : least;
			}
			if (least > h->worst_us) {
				h->worst_us = least;
				h->pattern = hostile_patterns[i];
			}
			us[n++] = least;
		}
		selector_free(s);
	}
	h->values = n;
	h->typical_us = median(us, n);
}

/* ---- words ---- */

static double better(const struct row *r)
{
	double naive = r->us[JIT] < r->us[INTERPRETER] ? r->us[JIT] : r->us[INTERPRETER];
	return naive / r->us[INDEX];
}

static void print_json(const struct row *row, size_t rows, const struct hostile *h)
{
	printf("{\"bench\":\"selectors\",\"rows\":[");
	for (size_t i = 0; i < rows; i++) {
		const struct row *r = &row[i];
		printf("%s{\"selectors\":%u,", i ? "," : "", r->n);
		for (int way = 0; way < WAYS; way++)
			printf("\"%s_us\":%.3f,", way_names[way], r->us[way]);
		printf("\"naive_over_index\":%.2f,\"change_us\":%.1f,\"change_most_us\":%.1f,"
		       "\"parts\":%zu,\"bytes_per_selector\":%zu}",
		       better(r), r->change_us, r->change_most_us, r->view.parts,
		       r->view.bytes / r->view.selectors);
	}
	printf("],\"hostile\":{\"evaluations\":%u,\"typical_us\":%.1f,\"worst_us\":%.1f}}\n",
	       h->values, h->typical_us, h->worst_us);
}

static void print_table(const struct row *row, size_t rows, const struct hostile *h)
{
	printf("%9s %9s %9s %12s %9s %8s %10s %10s %6s %8s\n", "selectors", "index us", "jit us",
	       "interpreter", "alone us", "ratio", "change us", "most us", "parts", "bytes");
	for (size_t i = 0; i < rows; i++) {
		const struct row *r = &row[i];
		printf("%9u %9.2f %9.1f %12.1f %9.1f %8.1f %10.1f %10.1f %6zu %8zu\n", r->n,
		       r->us[INDEX], r->us[JIT], r->us[INTERPRETER], r->us[ALONE], better(r),
		       r->change_us, r->change_most_us, r->view.parts,
		       r->view.bytes / r->view.selectors);
	}
	printf("hostile: %u evaluations, typical %.1f us, worst %.1f us (%s)\n", h->values,
	       h->typical_us, h->worst_us, h->pattern ? h->pattern : "");
}

int main(int argc, char **argv)
{
	static struct row row[3];
	static const uint32_t sizes[] = {100, 1000, 10000};
	struct selector_limits limits = {SELECTOR_REGEX_VALUE_MAX, SELECTOR_STEPS_MAX};
	struct bench *b = calloc(1, sizeof(*b));
	struct hostile hostile = {0};
	bool json = false, quick = false;
	for (int i = 1; i < argc; i++) {
		json |= strcmp(argv[i], "--json") == 0;
		quick |= strcmp(argv[i], "--quick") == 0;
	}
	srand(1);
	if (!b || selector_pool_create(&b->pool) || selector_index_create(b->pool, &b->index) ||
	    selector_scratch_create(&limits, &b->scratch) ||
	    !(b->data = pcre2_match_data_create(1, NULL)))
		die("out of memory");
	for (size_t i = 0; i < countof(sizes); i++)
		run_size(b, sizes[i], quick ? 1 : ROUNDS, &row[i]);
	run_hostile(b, &hostile);
	(json ? print_json : print_table)(row, countof(sizes), &hostile);
	return 0;
}
