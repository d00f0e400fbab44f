/* What the token commands share. One thread. */
#pragma once

#include "cli/sluicectl/api.h"

struct json_object;

/** What may be granted, for completion. */
#define TOKEN_PRIVILEGES                                                                           \
	"read_job|write_job|resume_job|read_feature|write_feature|register_feature|read_token|"    \
	"write_token"

SL_BEGIN_DECLS

/** "a,b" texts as an array of names, which jb_free() frees; NULL after an error (told). */
struct json_object *token_privileges(const struct texts *given);

SL_END_DECLS
