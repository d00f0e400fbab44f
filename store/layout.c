#include "store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MAGIC_AT = 16, /* behind the header of the first page */
	VERSION = 1,
	PAGE_SIZE_MIN = 512,
	PAGE_SIZE_MAX = 65536,
	DEPTH_MAX = 32, /* LMDB's own */
	BRANCH = 1,
	LEAF = 2,
	OVERFLOW = 4,
	ODD = 0x60,             /* kinds of pages that only tables with several values a key have */
	ZEROS_MAX = 16 << 20,   /* a larger file is no first start */
	DEEP_UP_TO = 256 << 20, /* smaller files are read whole: it takes less than a second */
	NODE_BIG = 1,           /* the value lies in overflow pages; the node holds their number */
	NODE_TREE = 2,
};

static const uint32_t magic = 0xBEEFC0DE;
static const uint64_t no_page = UINT64_MAX;

struct page_head {
	uint64_t number;
	uint16_t pad, flags, lower, upper;
};

struct node {
	uint16_t lo, hi, flags, key_len;
};

struct tree {
	uint32_t page_size;
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, version;
	uint64_t address, map_size;
	struct tree free, main;
	uint64_t last_page, txn;
};

struct file {
	int fd;
	uint64_t size, page_size;
	struct meta meta;   /* the newer one */
	uint64_t pages;     /* that are wholly there */
	uint64_t walked;    /* pages of trees seen */
	uint64_t tail_free; /* free pages found behind the end */
	uint8_t *seen;      /* a bit for each page that something uses; NULL: only tops are read */
	const char *dir;
	bool deep;
	struct sl_error *err;
};

static int damaged(const struct file *f, const char *why)
{
	return sl_fail(f->err, SL_E_CORRUPT, "store %s/" DIR_DATA_FILE ": %s; it was left alone",
		       f->dir, why);
}

static int read_at(const struct file *f, uint64_t at, void *to, size_t len)
{
	if (at > f->size || len > f->size - at)
		return damaged(f, "damaged: the file is cut off");
	ssize_t n = pread(f->fd, to, len, (off_t)at);
	if (n < 0)
		return sl_fail(f->err, SL_E_IO, "store %s/" DIR_DATA_FILE ": cannot read: %s",
			       f->dir, strerror(errno));
	return (size_t)n == len ? 0 : damaged(f, "damaged: the file is cut off");
}

/* ---- the two meta pages ---- */

static int check_magic(const struct file *f)
{
	uint32_t head[4] = {0}; /* a later layout has a longer page header */
	if (f->size < MAGIC_AT + sizeof(head))
		return damaged(f, "not a store (too short)");
	int rc = read_at(f, MAGIC_AT, head, sizeof(head));
	if (rc)
		return rc;
	if (head[0] == magic && head[1] == VERSION)
		return 0;
	for (size_t i = 0; i < countof(head); i++)
		if (head[i] == magic)
			return damaged(f, "written by a version of LMDB with another layout");
	return damaged(f, "not a store (another kind of file)");
}

static int read_meta(struct file *f, uint64_t at, struct meta *ret)
{
	int rc = read_at(f, at + MAGIC_AT, ret, sizeof(*ret));
	if (!rc && (ret->magic != magic || ret->version != VERSION))
		rc = damaged(f, "damaged: a meta page is not one");
	return rc;
}

static int read_metas(struct file *f)
{
	int rc = check_magic(f);
	if (!rc)
		rc = read_meta(f, 0, &f->meta);
	if (rc)
		return rc;
	f->page_size = f->meta.free.page_size;
	if (f->page_size < PAGE_SIZE_MIN || f->page_size > PAGE_SIZE_MAX ||
	    (f->page_size & (f->page_size - 1)))
		return damaged(f, "damaged: impossible page size");
	struct meta second;
	rc = read_meta(f, f->page_size, &second);
	if (rc)
		return rc;
	if (second.free.page_size != f->page_size)
		return damaged(f, "damaged: the meta pages do not agree");
	if (second.txn > f->meta.txn)
		f->meta = second;
	f->pages = f->size / f->page_size;
	if (f->meta.last_page < 1 || f->meta.last_page > INT64_MAX / f->page_size - 1)
		return damaged(f, "damaged: impossible size");
	return 0;
}

/** The length of a file may be on the disk when nothing else of it is. */
static int look_for_zeros(const struct file *f, bool *ret)
{
	uint8_t piece[4096];
	*ret = f->size > 0 && f->size <= ZEROS_MAX;
	for (uint64_t at = 0; *ret && at < f->size; at += sizeof(piece)) {
		size_t len = f->size - at < sizeof(piece) ? (size_t)(f->size - at) : sizeof(piece);
		int rc = read_at(f, at, piece, len);
		if (rc)
			return rc;
		*ret = piece[0] == 0 && memcmp(piece, piece + 1, len - 1) == 0;
	}
	return 0;
}

/* ---- trees ---- */

static void freep(void *p) { free(*(void **)p); }

/** Nothing may use a page twice. */
static int use_pages(const struct file *f, uint64_t first, uint64_t n)
{
	if (first < 2 || n > f->meta.last_page || first > f->meta.last_page + 1 - n)
		return damaged(f, "damaged: a page number out of range");
	for (uint64_t i = first; f->seen && i < first + n; i++) {
		if (f->seen[i / 8] & 1u << i % 8)
			return damaged(f, "damaged: a page is used twice");
		f->seen[i / 8] |= (uint8_t)(1u << i % 8);
	}
	return 0;
}

/** Read a page of a tree and check its header and that its nodes lie within it. */
static int read_page(const struct file *f, uint64_t number, char *to, unsigned *ret_nodes)
{
	if (number < 2 || number > f->meta.last_page)
		return damaged(f, "damaged: a page number out of range");
	int rc = read_at(f, number * f->page_size, to, f->page_size);
	if (rc)
		return rc;
	struct page_head h;
	memcpy(&h, to, sizeof(h));
	unsigned kind = h.flags & (BRANCH | LEAF | OVERFLOW);
	if (h.number != number || (kind != BRANCH && kind != LEAF) || h.flags & ODD ||
	    h.lower < sizeof(h) || h.lower > h.upper || h.upper > f->page_size)
		return damaged(f, "damaged: a page of a tree is not one");
	unsigned n = (h.lower - (unsigned)sizeof(h)) / 2;
	if (n == 0 || (kind == BRANCH && n == 1 && f->seen))
		return damaged(f, "damaged: a page of a tree is empty");
	for (unsigned i = 0; i < n; i++) {
		uint16_t at;
		memcpy(&at, to + sizeof(h) + 2 * i, sizeof(at));
		if (at < h.upper || at + sizeof(struct node) > f->page_size)
			return damaged(f, "damaged: an entry of a page lies outside it");
	}
	*ret_nodes = n;
	return 0;
}

/** A node of a page, and how much of the page follows its header. */
static const char *node_at(const struct file *f, const char *page, unsigned i, struct node *ret,
			   size_t *ret_room)
{
	uint16_t at;
	memcpy(&at, page + sizeof(struct page_head) + 2 * i, sizeof(at));
	memcpy(ret, page + at, sizeof(*ret));
	*ret_room = f->page_size - at - sizeof(*ret);
	return page + at + sizeof(*ret);
}

typedef int visit_fn(struct file *f, const struct node *node, struct bytes key, struct bytes val);

static int walk(struct file *f, uint64_t number, unsigned depth, visit_fn *visit)
{
	if (depth == 0 || f->walked++ > f->meta.last_page)
		return damaged(f, "damaged: a tree without an end");
	scoped(freep) char *page = malloc(f->page_size);
	if (!page)
		return SL_E_NO_MEMORY;
	unsigned nodes;
	int rc = read_page(f, number, page, &nodes);
	if (!rc)
		rc = use_pages(f, number, 1);
	struct page_head head;
	memcpy(&head, page, rc ? 0 : sizeof(head));
	for (unsigned i = 0; !rc && i < nodes; i++) {
		struct node n;
		size_t room;
		const char *data = node_at(f, page, i, &n, &room);
		uint64_t low = n.lo | (uint64_t)n.hi << 16;
		size_t val = n.flags & NODE_BIG ? sizeof(uint64_t) : low;
		bool leaf = head.flags & LEAF;
		if (n.key_len > room || (leaf && val > room - n.key_len))
			rc = damaged(f, "damaged: an entry of a page lies outside it");
		else if (leaf)
			rc = visit(f, &n, bytes_of(data, n.key_len),
				   bytes_of(data + n.key_len, val));
		else
			rc = walk(f, low | (uint64_t)n.flags << 32, depth - 1, visit);
	}
	return rc;
}

/** The number of the overflow pages of a large value, which are all there. */
static int big_page(const struct file *f, const struct node *node, struct bytes val, uint64_t *ret)
{
	uint64_t size = node->lo | (uint64_t)node->hi << 16;
	uint64_t pages = (sizeof(struct page_head) + size + f->page_size - 1) / f->page_size;
	struct page_head head;
	uint32_t own; /* how many pages it says, in place of lower and upper */
	memcpy(ret, val.at, sizeof(*ret));
	int rc = use_pages(f, *ret, pages);
	if (!rc)
		rc = read_at(f, *ret * f->page_size, &head, sizeof(head));
	if (rc)
		return rc;
	memcpy(&own, &head.lower, sizeof(own));
	if (*ret * f->page_size + sizeof(head) + size > f->size)
		return damaged(f, "damaged: the file is cut off");
	if (head.number != *ret || !(head.flags & OVERFLOW) || own < pages)
		return damaged(f, "damaged: the pages of a large value are not its own");
	return own > pages ? use_pages(f, *ret + pages, own - pages) : 0;
}

static int visit_pair(struct file *f, const struct node *node, struct bytes key, struct bytes val)
{
	uint64_t page;
	(void)key;
	if (node->flags & ~(unsigned)NODE_BIG)
		return damaged(f, "damaged: an entry is of another kind");
	return node->flags & NODE_BIG ? big_page(f, node, val, &page) : 0;
}

static int check_top(const struct file *f, uint64_t number)
{
	scoped(freep) char *page = malloc(f->page_size);
	unsigned nodes;
	return page ? read_page(f, number, page, &nodes) : SL_E_NO_MEMORY;
}

/** An entry of the main tree: a table. All of META must be sound, as it is read next, and
 * the top page of the others. */
static int visit_table(struct file *f, const struct node *node, struct bytes key, struct bytes val)
{
	struct tree table;
	if (!(node->flags & NODE_TREE) || val.len != sizeof(table))
		return 0; /* not ours; the format check will say so */
	memcpy(&table, val.at, sizeof(table));
	if (table.root == no_page)
		return 0;
	if (bytes_is(key, "meta") || f->seen)
		return walk(f, table.root, DEPTH_MAX, visit_pair);
	return check_top(f, table.root);
}

/** Count the pages of one free list (its length, then the numbers) behind the end. */
static int count_tail(struct file *f, uint64_t at)
{
	uint64_t n, numbers[256];
	int rc = read_at(f, at, &n, sizeof(n));
	for (uint64_t i = 0; !rc && i < n; i += countof(numbers)) {
		uint64_t some = n - i < countof(numbers) ? n - i : countof(numbers);
		rc = read_at(f, at + (i + 1) * sizeof(n), numbers, some * sizeof(n));
		for (uint64_t j = 0; !rc && j < some; j++)
			f->tail_free += numbers[j] >= f->pages && numbers[j] <= f->meta.last_page;
	}
	return rc;
}

static bool is_short(const struct file *f) { return f->pages <= f->meta.last_page; }

/** An entry of the free tree: a list, in the node or in overflow pages. */
static int visit_free(struct file *f, const struct node *node, struct bytes key, struct bytes val)
{
	uint64_t word, n;
	(void)key;
	if (node->flags & NODE_BIG) {
		int rc = big_page(f, node, val, &word);
		if (rc || !is_short(f))
			return rc;
		return count_tail(f, word * f->page_size + sizeof(struct page_head));
	}
	if (val.len < sizeof(n))
		return damaged(f, "damaged: a list of free pages is not one");
	memcpy(&n, val.at, sizeof(n));
	if (n > val.len / sizeof(word) - 1)
		return damaged(f, "damaged: a list of free pages is not one");
	for (uint64_t i = 1; i <= n; i++) {
		memcpy(&word, (const char *)val.at + i * sizeof(word), sizeof(word));
		int rc = use_pages(f, word, 1);
		if (rc)
			return rc;
		f->tail_free += word >= f->pages && word <= f->meta.last_page;
	}
	return 0;
}

static int check_trees(struct file *f)
{
	scoped(freep) uint8_t *seen = NULL;
	if (f->deep || f->size <= DEEP_UP_TO) {
		f->seen = seen = calloc(f->meta.last_page / 8 + 1, 1);
		if (!seen)
			return SL_E_NO_MEMORY;
	}
	int rc = walk(f, f->meta.main.root, DEPTH_MAX, visit_table);
	if (!rc && f->meta.free.root != no_page)
		rc = walk(f, f->meta.free.root, DEPTH_MAX, visit_free);
	if (!rc && is_short(f) && f->tail_free < f->meta.last_page + 1 - f->pages)
		rc = damaged(f, "damaged: the file is cut off");
	f->seen = NULL;
	return rc;
}

static int check_file(struct file *f, enum layout *ret)
{
	struct stat st;
	if (fstat(f->fd, &st) < 0)
		return sl_fail(f->err, SL_E_IO, "store %s: cannot look: %s", f->dir,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return damaged(f, "not a store (not a file)");
	f->size = (uint64_t)st.st_size;
	enum layout kind = LAYOUT_NONE;
	bool zeros;
	int rc = look_for_zeros(f, &zeros);
	if (!rc && zeros) {
		*ret = LAYOUT_ZEROS;
		return 0;
	}
	if (!rc && f->size)
		rc = read_metas(f);
	if (!rc && f->size && f->meta.main.root != no_page) {
		rc = check_trees(f);
		kind = LAYOUT_DATA;
	}
	if (!rc)
		*ret = kind;
	return rc;
}

int layout_check(const struct dir *dir, bool deep, enum layout *ret, struct sl_error *err)
{
	struct file f = {.dir = dir->path, .deep = deep, .err = err};
	f.fd = openat(dir->fd, DIR_DATA_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f.fd < 0 && errno == ENOENT) {
		*ret = LAYOUT_NONE;
		return 0;
	}
	if (f.fd < 0)
		return sl_fail(err, SL_E_IO, "store %s/" DIR_DATA_FILE ": cannot open: %s",
			       dir->path, strerror(errno));
	int rc = check_file(&f, ret);
	close(f.fd);
	return rc;
}
