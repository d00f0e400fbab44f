#include "cli/sluiced/rights.h"

#include "runtime/local/local.h"

#include <stdlib.h>

int rights_init(struct rights *rights, const struct config *config)
{
	static const struct {
		const char *name;
		enum local_right right;
	} words[] = {
		{"privileged", LOCAL_PRIVILEGED},    {"capabilities", LOCAL_CAPABILITIES},
		{"hostNetwork", LOCAL_HOST_NETWORK}, {"hostPID", LOCAL_HOST_PID},
		{"hostIPC", LOCAL_HOST_IPC},         {"serviceAccountName", LOCAL_SERVICE_ACCOUNT},
	};
	const struct config_list *list = &config->engines.local.allow;
	size_t paths = 0;
	*rights = (struct rights){.path = calloc(list->n + 1, sizeof(char *))};
	if (!rights->path)
		return SL_E_NO_MEMORY;
	for (size_t i = 0; i < list->n; i++) {
		const char *colon = strchr(list->at[i], ':');
		if (colon)
			rights->path[paths++] = colon + 1;
		for (size_t k = 0; k < countof(words); k++)
			if (strcmp(list->at[i], words[k].name) == 0)
				rights->allow |= words[k].right;
	}
	return 0;
}

void rights_fini(struct rights *rights)
{
	free(rights->path);
	*rights = (struct rights){0};
}
