/* The plugin, for the program and its test. */
#pragma once

#include "sluice_plugin.h"

struct sluice_app *plugin_create(void);
