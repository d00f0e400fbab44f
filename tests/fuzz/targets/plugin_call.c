/* A plugin made with the C SDK answers any body and any signature headers: with 200, 400 or
 * 401, in JSON. Input: the values of three headers and a body, with NULs between. */
#include "tests/fuzz/fuzz.h"

#include "plugins-sdk/c/internal.h"

static void decide(struct sluice_call *call, void *user)
{
	(void)user;
	const char *team = sluice_text(call, "team");
	(void)sluice_container(call->job, 1);
	if (team)
		sluice_stop(call, NULL, team);
	else
		sluice_pass(call, NULL);
}

static void check_signature(const char *text, size_t len)
{
	static const char key[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	struct sluice_keys keys = {0};
	const char *part[3] = {text, "", ""}, *words = "", *end = text + len;
	for (size_t i = 1; i < 3 && part[i - 1] + strlen(part[i - 1]) < end; i++)
		part[i] = part[i - 1] + strlen(part[i - 1]) + 1;
	fuzz_holds(sluice_keys_parse(key, &keys, &words) && keys.n == 1);
	fuzz_holds(!sluice_is_signed(&keys, part[0], part[1], part[2], "{}", 2, 1000));
	(void)sluice_keys_parse(text, &keys, &words);
	fuzz_holds(keys.n <= SLUICE_KEYS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char *text = malloc(len + 1), *answer = NULL;
	struct sluice_app *app = sluice_app_create("fuzz", "fuzz", NULL);
	if (text && app && sluice_gate(app, NULL, decide, NULL)) {
		memcpy(text, at, len);
		text[len] = '\0';
		check_signature(text, len);
		app->silent = true;
		int status = sluice_send(app, "/gate", text, &answer);
		fuzz_holds(status == 200 || status == 400);
		struct json_object *json = answer ? json_tokener_parse(answer) : NULL;
		fuzz_holds(json_object_is_type(json, json_type_object));
		json_object_put(json);
	}
	free(answer);
	free(text);
	sluice_app_free(app);
	return 0;
}
