#include "cli/sluicectl/plugin_type.h"

#include "cli/sluicectl/ctl.h"

#include <string.h>
#include <strings.h>

const struct plugin_type plugin_types[] = {
	{"TemplateTranslator", "translator", "/translate"},
	{"FactorGenerator", "factors", "/factors"},
	{"AccessGate", "gate", "/gate"},
	{"TemplateDecorator", "decorator", "/decorate"},
	{"SchedulerBinder", "binder", "/bind"},
	{"LifeHook", "hook", "/hook"},
};
const size_t plugin_type_count = countof(plugin_types);

const struct plugin_type *plugin_type_find(const char *name)
{
	for (size_t i = 0; i < plugin_type_count; i++)
		if (strcasecmp(plugin_types[i].name, name) == 0 ||
		    strcmp(plugin_types[i].alias, name) == 0)
			return &plugin_types[i];
	return NULL;
}

int plugin_type_unknown(const char *name)
{
	return ctl_fail(CTL_USAGE,
			"%s: is no type of plugins; there are translator, factors, gate, "
			"decorator, binder and hook",
			name);
}
