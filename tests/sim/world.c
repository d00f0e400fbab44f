#include "tests/sim/sim.h"

#include "core/base/crypt.h"
#include "store/store_mem.h"

#include <stdio.h>
#include <stdlib.h>

static const struct driver_config driver_config = {
	.in_admission_max = 1000,
	.answer_max = 1 << 20,
	.budget_ms = 120000,
	.wait_for_ms = 3600000,
	.keep_stages_ms = 600000,
	.keep_jobs_ms = SIM_KEEP_MS,
	.keep_jobs = SIM_KEEP,
	.wait_first_ms = 1000,
	.wait_most_ms = 60000,
	.regex_value_max = 1024,
	.engine_default = "sim",
};

static const struct http_config http_config = {0};

#define ALL "{\"conditions\":[],\"expression\":\"*\"}"
#define KIND(k)                                                                                    \
	"{\"conditions\":[{\"name\":\"k\",\"key\":\"jobKind\",\"expect\":\"" k                     \
	"\"}],\"expression\":\"k\"}"
#define MATCH(re)                                                                                  \
	"{\"conditions\":[{\"name\":\"k\",\"key\":\"jobKind\",\"expect\":\"/" re                   \
	"/\"}],\"expression\":\"k\"}"
#define HAS(key)                                                                                   \
	"{\"conditions\":[{\"name\":\"h\",\"key\":\"" key                                          \
	"\",\"expect\":\"yes\"}],\"expression\":\"h\"}"
#define PLUGIN(type, path, more)                                                                   \
	"{\"pluginType\":\"" type "\",\"callAddress\":\"http://127.0.0.1:1/" path "\"" more "}"
#define FEATURE(name, selector, plugins)                                                           \
	"{\"name\":\"" name "\",\"author\":\"sim\",\"enabled\":true,\"jobSelector\":" selector     \
	",\"plugins\":[" plugins "]}"

#define HOOK2                                                                                      \
	FEATURE("h2", HAS("gates"),                                                                \
		PLUGIN("LifeHook", "h2",                                                           \
		       ",\"jobSelector\":{\"states\":[\"*\"]},\"maxInFlight\":2"))

static const char *const features[] = {
	FEATURE("t1", MATCH("^K[12]$"), PLUGIN("TemplateTranslator", "t1", ",\"maxInFlight\":2")),
	FEATURE("t2", KIND("K2"), PLUGIN("TemplateTranslator", "t2", "")),
	FEATURE("f1", ALL, PLUGIN("FactorGenerator", "f1", ",\"maxInFlight\":2")),
	FEATURE("f2", ALL,
		PLUGIN("FactorGenerator", "f2", ",\"failurePolicy\":\"wait\",\"maxInFlight\":1")),
	FEATURE("g1", HAS("gates"),
		PLUGIN("AccessGate", "g1", ",\"maxInFlight\":2") "," PLUGIN(
			"AccessGate", "g2", ",\"name\":\"two\",\"retries\":0")),
	FEATURE("g3", HAS("gates"),
		PLUGIN("AccessGate", "g3", ",\"failurePolicy\":\"ignore\",\"maxInFlight\":1")),
	FEATURE("g4", HAS("gates"), PLUGIN("AccessGate", "g4", "")),
	FEATURE("d1", HAS("deco"), PLUGIN("TemplateDecorator", "d1", "")),
	FEATURE("d2", HAS("deco"),
		PLUGIN("TemplateDecorator", "d2",
		       ",\"failurePolicy\":\"ignore\",\"maxInFlight\":1")),
	FEATURE("b1", HAS("bind"), PLUGIN("SchedulerBinder", "b1", "")),
	FEATURE("b2", HAS("bind2"), PLUGIN("SchedulerBinder", "b2", "")),
	FEATURE("h1", ALL,
		PLUGIN("LifeHook", "h1",
		       ",\"jobSelector\":{\"conditions\":[],\"expression\":\"*\","
		       "\"states\":[\"*\",\"preparing\",\"suspended\"]}")),
	HOOK2,
};

static void must(const struct sim *s, int rc, const char *what, const struct sl_error *err)
{
	if (rc)
		sim_wrong(s, NULL, "%s: %s %s", what, sl_err_name(rc), err ? err->text : "");
}

/* ---- registry calls sleep for their commit ---- */

struct registering {
	struct sim *s;
	const char *document, *name;
	bool on;
	int rc;
	struct sl_error err;
};

static void do_register(void *user)
{
	struct registering *q = user;
	static const struct json_limits limits = {1 << 20, 64};
	struct feature_caller caller = {.may_write = true};
	struct json_object *payload = NULL;
	struct json json = {0};
	q->rc = json_parse(&json, bytes_str(q->document), &limits, &q->err);
	if (!q->rc)
		q->rc = registry_register(q->s->registry, &json, &caller, -1, &payload, &q->err);
	jb_free(payload);
	json_fini(&json);
}

static void do_turn(void *user)
{
	struct registering *q = user;
	struct feature_caller caller = {.may_write = true};
	q->rc = registry_turn(q->s->registry, bytes_str(q->name), q->on, &caller, &q->err);
}

int world_turn_feature(struct sim *s, const char *name, bool on)
{
	struct registering q = {.s = s, .name = name, .on = on};
	served_run(s->writer, do_turn, &q);
	return q.rc;
}

static void do_delete(void *user)
{
	struct registering *q = user;
	struct feature_caller caller = {.may_write = true};
	q->rc = registry_delete(q->s->registry, bytes_str(q->name), &caller, &q->err);
}

int world_delete_feature(struct sim *s, const char *name)
{
	struct registering q = {.s = s, .name = name};
	served_run(s->writer, do_delete, &q);
	return q.rc;
}

void world_register_hook(struct sim *s)
{
	struct registering q = {.s = s, .document = HOOK2};
	served_run(s->writer, do_register, &q);
}

/* ---- one life ---- */

static void begin_hooks(struct sim *s)
{
	struct sl_error err = {0};
	struct hooks_config config = {.limits = {.pending_max = 1000000,
						 .bytes_max = 1 << 30,
						 .retry_for_ms = INT64_C(365) * 24 * 3600 * 1000,
						 .keep_dead_ms = 3600 * 1000},
				      .regex_value_max = 1024,
				      .flying_max = 1000};
	struct hooks_parts parts = {.store = s->store,
				    .writer = s->writer,
				    .registry = s->registry,
				    .executor = &s->executor.base,
				    .clock = &s->clock.base};
	must(s, hooks_create(&config, &parts, &s->hooks, &err), "hooks", &err);
}

static void begin_life(struct sim *s)
{
	struct sl_error err = {0};
	struct registry_config registry = {.features_max = 100,
					   .plugins_max = 100,
					   .timeout_ms = 10000,
					   .retries = 2,
					   .http = &http_config,
					   .secret_key = s->secret};
	size_t n;
	must(s, writer_create(s->store, 1000, &s->writer), "writer", NULL);
	must(s, registry_create(&registry, s->store, s->writer, &s->clock.base, &s->registry, &err),
	     "registry", &err);
	begin_hooks(s);
	struct driver_parts parts = {.store = s->store,
				     .writer = s->writer,
				     .registry = s->registry,
				     .executor = &s->executor.base,
				     .clock = &s->clock.base};
	must(s, driver_create(&driver_config, &parts, &s->driver, &err), "driver", &err);
	sim_engine_attach(&s->engine, driver_report, s->driver);
	must(s, driver_add_engine(s->driver, &s->engine.base), "engine", NULL);
	must(s, driver_recover(s->driver, &n, &err), "recover", &err);
	s->life++;
}

static void end_life(struct sim *s)
{
	s->writer = writer_free(s->writer);
	sim_engine_attach(&s->engine, NULL, NULL);
	s->driver = driver_free(s->driver);
	s->hooks = hooks_free(s->hooks);
	s->registry = registry_free(s->registry);
}

void world_open(struct sim *s, uint64_t seed)
{
	*s = (struct sim){.seed = seed, .random = {seed}, .talk = s->talk};
	s->hook = calloc(SIM_HOOKS, sizeof(*s->hook));
	if (!s->hook)
		abort();
	seeded_crypt_seed(seed);
	crypt_random(s->secret, sizeof(s->secret));
	fake_clock_init(&s->clock, 1700000000000);
	fake_executor_init(&s->executor, &s->clock);
	sim_engine_init(&s->engine, &s->clock, &s->random);
	plugins_attach(s);
	must(s, store_open_mem(&s->store), "store", NULL);
	begin_life(s);
	for (size_t i = 0; i < countof(features); i++) {
		struct registering q = {.s = s, .document = features[i]};
		served_run(s->writer, do_register, &q);
		must(s, q.rc, features[i], &q.err);
	}
}

void world_crash(struct sim *s)
{
	struct store *rest;
	if (s->talk)
		printf("-- crash\n");
	must(s, store_mem_reopen(s->store, &rest), "reopen", NULL);
	end_life(s);
	store_close(s->store);
	s->store = rest;
	s->crashes++;
	hooks_crashed(s);
	hold_crashed(s);
	for (size_t i = 0; i < s->jobs; i++) /* what was under way goes before what is parked */
		if (s->job[i].state == JOB_PREPARING && !s->job[i].parked)
			s->job[i].parked_ms = s->job[i].seen_ms = s->job[i].since_ms;
	begin_life(s);
}

void world_close(struct sim *s)
{
	end_life(s);
	store_close(s->store);
	sim_engine_fini(&s->engine);
	fake_executor_fini(&s->executor);
	free(s->hook);
}
