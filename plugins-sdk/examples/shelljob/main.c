#include "plugin.h"

int main(int argc, char **argv)
{
	struct sluice_app *app = plugin_create();
	return app ? sluice_main(app, argc, argv) : 2;
}
