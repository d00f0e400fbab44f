#include "cli/sluicectl/plugin_kind.h"

#include "cli/sluicectl/ctl.h"

#include <string.h>
#include <strings.h>

const struct plugin_kind plugin_kinds[] = {
	{"TemplateTranslator", "translator", "/translate"},
	{"FactorGenerator", "factors", "/factors"},
	{"AccessGate", "gate", "/gate"},
	{"TemplateDecorator", "decorator", "/decorate"},
	{"SchedulerBinder", "binder", "/bind"},
	{"LifeHook", "hook", "/hook"},
};
const size_t plugin_kind_count = countof(plugin_kinds);

const struct plugin_kind *plugin_kind_find(const char *name)
{
	for (size_t i = 0; i < plugin_kind_count; i++)
		if (strcasecmp(plugin_kinds[i].name, name) == 0 ||
		    strcmp(plugin_kinds[i].alias, name) == 0)
			return &plugin_kinds[i];
	return NULL;
}

int plugin_kind_unknown(const char *name)
{
	return ctl_fail(CTL_USAGE,
			"%s: is no type of plugins; there are translator, factors, gate, "
			"decorator, binder and hook",
			name);
}
