/* Replays calls.json through the plugin. */
#include "plugin.h"

int main(void)
{
	struct sluice_app *app = plugin_create();
	int differences = app ? sluice_replay(app, "calls.json", stdout) : -1;
	sluice_app_free(app);
	puts(differences == 0 ? "calls.json: as recorded" : "calls.json: NOT as recorded");
	return differences == 0 ? 0 : 1;
}
