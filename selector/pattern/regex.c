#include "selector/pattern/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_FIRST = 32 * 1024, STACK_MAX = 1024 * 1024, CLOCK_EVERY = 16 };

struct regex {
	pcre2_code *code;
	struct literals *literals;
	atomic_uint refs;
	unsigned clock_every; /* steps between two looks at the clock */
};

/* What a search may still spend. */
struct watch {
	uint32_t steps, steps_max;
	unsigned clock_every;
	int64_t cpu_max_ns;
	int64_t mono_due_ns; /* look at the processor time then; 0: not started */
	int64_t cpu_start_ns;
	enum regex_result stopped;
};

struct regex_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct watch watch;
};

/* ---- compiling ---- */

static int fail_compile(int code, PCRE2_SIZE offset, struct bytes pattern, struct sl_error *err)
{
	if (code == PCRE2_ERROR_HEAP_FAILED)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	size_t character = 1;
	for (size_t i = 0; i < offset && i < pattern.len; i++)
		character += (((const uint8_t *)pattern.at)[i] & 0xc0) != 0x80;
	char words[160];
	if (pcre2_get_error_message(code, (PCRE2_UCHAR *)words, sizeof(words)) < 0)
		words[0] = '\0';
	return sl_fail(err, SL_E_INVALID, "the pattern is wrong at its character %zu: %s",
		       character, words);
}

static int compile(struct bytes pattern, uint32_t options, pcre2_code **ret, struct sl_error *err)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	pcre2_set_parens_nest_limit(context, REGEX_NEST_MAX);
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
	int code;
	PCRE2_SIZE offset;
	*ret = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.at : ""), pattern.len,
			     options | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY,
			     &code, &offset, context);
	pcre2_compile_context_free(context);
	return *ret ? 0 : fail_compile(code, offset, pattern, err);
}

static int found_callout(pcre2_callout_enumerate_block *block SL_UNUSED, void *user SL_UNUSED)
{
	return 1;
}

/* Our own call-outs would hide a pattern's, so it is compiled without them first; only
 * where the text can hold one at all. */
static int refuse_callouts(struct bytes pattern, uint32_t options, struct sl_error *err)
{
	if (!pattern.len || !memmem(pattern.at, pattern.len, "(?C", 3))
		return 0;
	pcre2_code *code;
	int rc = compile(pattern, options, &code, err);
	if (rc)
		return rc;
	bool has = pcre2_callout_enumerate(code, found_callout, NULL) != 0;
	pcre2_code_free(code);
	return has ? sl_fail(err, SL_E_INVALID, "call-outs (?C...) are not allowed") : 0;
}

static uint32_t options_of(unsigned flags)
{
	return (flags & REGEX_I ? PCRE2_CASELESS : 0) | (flags & REGEX_M ? PCRE2_MULTILINE : 0) |
	       (flags & REGEX_S ? PCRE2_DOTALL : 0) | (flags & REGEX_X ? PCRE2_EXTENDED : 0);
}

/* How many steps go by between two looks at the clock. The more text, the more work one
 * item can hold; a grapheme cluster looks far back. */
static unsigned clock_every(struct bytes pattern)
{
	if (pattern.len && memmem(pattern.at, pattern.len, "\\X", 2))
		return 1;
	return pattern.len > 256 ? 4 : CLOCK_EVERY;
}

static int compile_jit(pcre2_code *code, struct sl_error *err)
{
	size_t size = 0;
	if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0 ||
	    pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size) != 0 || size == 0)
		return sl_fail(err, SL_E_INVALID,
			       "the pattern cannot be compiled to machine code; a condition "
			       "(?(?=...)...) that is itself an assertion must be written "
			       "in another way");
	return 0;
}

int regex_compile(struct bytes pattern, unsigned flags, struct regex **ret, struct sl_error *err)
{
	if (pattern.len > REGEX_PATTERN_MAX)
		return sl_fail(err, SL_E_INVALID, "the pattern is longer than %d bytes",
			       REGEX_PATTERN_MAX);
	if (bytes_starts(pattern, "(*"))
		return sl_fail(err, SL_E_INVALID, "a pattern must not begin with \"(*\"");
	uint32_t options = options_of(flags);
	int rc = refuse_callouts(pattern, options, err);
	if (rc)
		return rc;
	scoped(regex_freep) struct regex *regex = calloc(1, sizeof(*regex));
	if (!regex)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	atomic_init(&regex->refs, 1);
	rc = compile(pattern, options | PCRE2_AUTO_CALLOUT, &regex->code, err);
	if (!rc)
		rc = compile_jit(regex->code, err);
	if (rc)
		return rc;
	rc = literals_create(pattern, flags & REGEX_I, flags & REGEX_X, &regex->literals);
	if (rc)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	regex->clock_every = clock_every(pattern);
	*ret = take_ptr(&regex);
	return 0;
}

struct regex *regex_share(struct regex *regex)
{
	atomic_fetch_add(&regex->refs, 1);
	return regex;
}

struct regex *regex_free(struct regex *regex)
{
	if (regex && atomic_fetch_sub(&regex->refs, 1) <= 1) {
		pcre2_code_free(regex->code);
		literals_free(regex->literals);
		free(regex);
	}
	return NULL;
}

const struct literals *regex_literals(const struct regex *regex) { return regex->literals; }

/* ---- searching ---- */

static int64_t now_ns(clockid_t which)
{
	struct timespec ts;
	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A thread that was only put aside by the scheduler has used no time of its own; its
 * processor time costs a system call, so it is asked for only when it can matter. */
static bool out_of_time(struct watch *w)
{
	int64_t mono = now_ns(CLOCK_MONOTONIC);
	if (!w->mono_due_ns) {
		w->cpu_start_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
		w->mono_due_ns = mono + w->cpu_max_ns;
		return false;
	}
	if (mono < w->mono_due_ns)
		return false;
	int64_t left = w->cpu_max_ns - (now_ns(CLOCK_THREAD_CPUTIME_ID) - w->cpu_start_ns);
	w->mono_due_ns = mono + left;
	return left <= 0;
}

static int step(pcre2_callout_block *block SL_UNUSED, void *user)
{
	struct watch *w = user;
	if (++w->steps > w->steps_max) {
		w->stopped = REGEX_STEPS;
		return PCRE2_ERROR_CALLOUT;
	}
	if (w->steps % w->clock_every == 0 && out_of_time(w)) {
		w->stopped = REGEX_TIME;
		return PCRE2_ERROR_CALLOUT;
	}
	return 0;
}

bool regex_rules_out(const struct regex *regex, struct bytes value)
{
	return regex->literals && !literals_in(regex->literals, value);
}

enum regex_result regex_search(const struct regex *regex, struct regex_scratch *scratch,
			       struct bytes value, struct regex_limits limits)
{
	scratch->watch = (struct watch){
		.steps_max = limits.steps,
		.clock_every = regex->clock_every,
		.cpu_max_ns = (int64_t)limits.cpu_us * 1000,
		.stopped = REGEX_STACK,
	};
	if (regex_rules_out(regex, value))
		return REGEX_NO;
	if (regex->clock_every < CLOCK_EVERY)
		out_of_time(&scratch->watch); /* starts the clock */
	/* Not pcre2_match(): there is machine code for each, and values are UTF-8. */
	int rc = pcre2_jit_match(regex->code, (PCRE2_SPTR)(value.len ? value.at : ""), value.len, 0,
				 0, scratch->data, scratch->context);
	if (rc >= 0)
		return REGEX_YES;
	return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : scratch->watch.stopped;
}

uint32_t regex_steps(const struct regex_scratch *scratch) { return scratch->watch.steps; }

int regex_scratch_create(struct regex_scratch **ret)
{
	scoped(regex_scratch_freep) struct regex_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->data = pcre2_match_data_create(1, NULL);
	s->context = pcre2_match_context_create(NULL);
	s->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
	if (!s->data || !s->context || !s->stack)
		return SL_E_NO_MEMORY;
	pcre2_jit_stack_assign(s->context, NULL, s->stack);
	pcre2_set_callout(s->context, step, &s->watch);
	*ret = take_ptr(&s);
	return 0;
}

struct regex_scratch *regex_scratch_free(struct regex_scratch *scratch)
{
	if (scratch) {
		pcre2_jit_stack_free(scratch->stack);
		pcre2_match_context_free(scratch->context);
		pcre2_match_data_free(scratch->data);
		free(scratch);
	}
	return NULL;
}
