/* A password from a file or from the terminal, never from the command line. One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"

enum { SECRET_MAX = 1024, SECRET_MIN = 8 };

SL_BEGIN_DECLS

/** The first line of `file`, which must be the caller's own and private; or, NULL, what is
 * answered to `question`, `twice` when it is a new one. At least SECRET_MIN bytes. CTL_DONE,
 * or an error (told). */
int secret_file_or_ask(const char *file, const char *question, bool twice, struct buf *to);

/** For scoped(): wipe and free. */
void secret_wipe(struct buf *b);

SL_END_DECLS
