/* One call to a plugin on behalf of a job: its body, its names, its trace. */
#include "core/driver/admission.h"

#include <stdio.h>

static int make_body(struct admission *a, uint32_t stage)
{
	if (a->body_stage == stage)
		return 0;
	buf_reset(&a->body);
	kept_body(buf_bytes(&a->factors), a->from->header,
		  stage == PLUGIN_TRANSLATOR ? a->from->submitted : buf_bytes(&a->taskset_text),
		  &a->body);
	a->body_stage = stage;
	if (!a->body.rc)
		journal_given(a, stage);
	return a->body.rc;
}

/* Stable over attempts and restarts of one call, another one for each time a gate is
 * asked anew. */
static void make_webhook_id(const struct admission *a, const struct plugin *plugin, char out[96])
{
	uint8_t hash[CRYPT_HASH_SIZE];
	crypt_hash(bytes_of("", 0), bytes_str(plugin->key), hash);
	snprintf(out, 96, "msg_%s_%02x%02x%02x%02x%02x%02x_%u", a->id_text, hash[0], hash[1],
		 hash[2], hash[3], hash[4], hash[5],
		 progress_times(&a->progress, bytes_str(plugin->key)));
}

/* A span of its own in the submitter's trace, or in one named after the job. */
static void make_traceparent(const struct admission *a, char out[56])
{
	static const char hex[] = "0123456789abcdef";
	char trace[33], span[17];
	uint8_t random[8];
	const char *from = a->job.trace.len ? (const char *)a->job.trace.at + 3 : a->id_text;
	size_t n = 0;
	for (; n < 32; from++)
		if (*from != '-')
			trace[n++] = *from;
	trace[n] = '\0';
	crypt_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		span[2 * i] = hex[random[i] >> 4];
		span[2 * i + 1] = hex[random[i] & 15];
	}
	span[16] = '\0';
	snprintf(out, 56, "00-%s-%s-%.2s", trace, span,
		 a->job.trace.len ? (const char *)a->job.trace.at + 53 : "01");
}

int ask_plugin(struct admission *a, uint32_t stage, struct step *step)
{
	char webhook_id[96], traceparent[56];
	uint32_t used = admission_used_ms(a), budget = a->driver->config.budget_ms;
	const struct plugin *plugin = a->plan->plugin[step->index];
	int rc = make_body(a, stage);
	if (rc)
		return rc;
	if (used >= budget)
		return SL_E_TIMEOUT;
	make_webhook_id(a, plugin, webhook_id);
	make_traceparent(a, traceparent);
	struct ask ask = {.plugin = plugin,
			  .job = a->node.id,
			  .webhook_id = webhook_id,
			  .body = buf_bytes(&a->body),
			  .budget_ms = budget - used,
			  .traceparent = traceparent};
	return caller_ask(a->driver->caller, &ask, ask_answered, step, &step->ask);
}
