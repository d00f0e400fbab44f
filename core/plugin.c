#include "core/plugin.h"

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
