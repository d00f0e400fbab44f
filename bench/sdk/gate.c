#include <sluice_plugin.h>
#include <string.h>

static void only_red(struct sluice_call *call, void *user)
{
	(void)user;
	const char *team = sluice_text(call, "team");
	if (team && strcmp(team, "red") == 0)
		sluice_pass(call, "only team red");
	else
		sluice_stop(call, NULL, "only team red");
}

int main(int argc, char **argv)
{
	struct sluice_app *app = sluice_app_create("bench", "bench", NULL);
	sluice_gate(app, NULL, only_red, NULL);
	return sluice_main(app, argc, argv);
}
