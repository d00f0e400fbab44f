/* The plugin of conformance/README.md, as this SDK writes it. */
#pragma once

#include "../../include/sluice_plugin.h"

struct sluice_app *reference_create(void);
