#include "core/plugin.h"

#include "core/base/crypt.h"

static const char *const type_names[PLUGIN_TYPES] = {
	"TemplateTranslator", "FactorGenerator", "AccessGate",
	"TemplateDecorator",  "SchedulerBinder", "LifeHook",
};

static const char *const policy_names[] = {"fail", "wait", "ignore"};

const char *plugin_type_name(enum plugin_type type) { return type_names[type]; }
const char *failure_policy_name(enum failure_policy policy) { return policy_names[policy]; }

int plugin_type_parse(struct bytes text, enum plugin_type *ret)
{
	for (int i = 0; i < PLUGIN_TYPES; i++)
		if (bytes_is(text, type_names[i])) {
			*ret = (enum plugin_type)i;
			return 0;
		}
	return SL_E_PLUGIN_TYPE;
}

void plugin_tag(struct bytes key, char ret[PLUGIN_TAG_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[CRYPT_HASH_SIZE];
	crypt_hash(bytes_of("", 0), key, hash);
	for (size_t i = 0; i < PLUGIN_TAG_SIZE - 1; i++)
		ret[i] = digits[i % 2 ? hash[i / 2] & 15 : hash[i / 2] >> 4];
	ret[PLUGIN_TAG_SIZE - 1] = '\0';
}
