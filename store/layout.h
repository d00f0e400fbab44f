/* A look at a data file before LMDB gets to see it.
 *
 * LMDB trusts its file: it does not notice a cut-off tail (reading there kills the
 * process) nor pages full of something else. So the file is first read with plain
 * read(2): is it LMDB's, of the layout this LMDB writes, whole, and are the top pages of
 * its trees (all of them, in small files) what they should be? Nothing is written. Private to
 * store/.
 *
 * The layout looked for is that of LMDB 0.9 on a 64-bit machine: two pages of meta data
 * that take turns, then trees of pages; pages that are free are listed in a tree too. A
 * file may rightly end before its last page when the pages missing are free. */
#pragma once

#include "store/dir.h"

enum layout {
	LAYOUT_NONE,  /**< No file, or nothing was ever committed to it. */
	LAYOUT_ZEROS, /**< Not one byte of it was ever written: the power failed in the first start.
		       */
	LAYOUT_DATA,
};

SL_BEGIN_DECLS

/** SL_E_CORRUPT with path and reason when LMDB must not open it. `deep`: every page of every
 * tree is read; small files always are. */
SL_MUST_USE int layout_check(const struct dir *dir, bool deep, enum layout *ret,
			     struct sl_error *err);

SL_END_DECLS
