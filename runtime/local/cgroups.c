#include "runtime/local/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 << 10, PIDS_MAX = 4096 };

static const struct {
	const char *name;
	unsigned part;
} controllers[] = {
	{"memory", CGROUP_MEMORY},
	{"cpu", CGROUP_CPU},
	{"pids", CGROUP_PIDS},
	{"freezer", CGROUP_TREE},
};

struct search {
	const char *root, *under;
	char *groups; /**< /proc/self/cgroup */
	struct cgroups *found;
};

/** A file's beginning as a string, to be freed; NULL. */
static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(TEXT_MAX + 1);
	size_t len = 0;
	ssize_t n;
	while (text && len < TEXT_MAX && (n = read(fd, text + len, TEXT_MAX - len)) > 0)
		len += (size_t)n;
	if (text)
		text[len] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

static bool write_text(const char *dir, const char *file, const char *text)
{
	char path[CGROUP_PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = write(fd, text, strlen(text)) >= 0;
	close(fd);
	return done;
}

/** Is `word` one of those between `sep` in the `len` bytes? */
static bool has_word(const char *list, size_t len, char sep, const char *word)
{
	size_t want = strlen(word);
	for (const char *at = list, *end = list + len; at < end;) {
		const char *stop = memchr(at, sep, (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		if (n == want && memcmp(at, word, n) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

/** Our own place in the tree of `controller` ("" is version 2): lines "4:memory:/path". */
static bool own_group(const char *groups, const char *controller, char out[CGROUP_PATH_MAX])
{
	for (const char *line = groups; *line;) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path =
			list ? memchr(list + 1, ':', len - (size_t)(list + 1 - line)) : NULL;
		size_t listed = path ? (size_t)(path - list - 1) : 0;
		if (path && (*controller ? has_word(list + 1, listed, ',', controller) : !listed)) {
			size_t n = len - (size_t)(path + 1 - line);
			snprintf(out, CGROUP_PATH_MAX, "%.*s", (int)n, path + 1);
			return n < CGROUP_PATH_MAX;
		}
		line += len + (line[len] == '\n');
	}
	return false;
}

/** One line of /proc/self/mountinfo. */
struct mount {
	char root[CGROUP_PATH_MAX], at[CGROUP_PATH_MAX], type[16], options[256];
};

static bool read_mount(const char *line, size_t len, struct mount *ret)
{
	char copy[1024];
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = 0;
	const char *tail = strstr(copy, " - ");
	return tail && sscanf(copy, "%*s %*s %*s %383s %383s", ret->root, ret->at) == 2 &&
	       sscanf(tail, " - %15s %*s %255s", ret->type, ret->options) == 2;
}

/** The folder that stands for `group`, as far as this mount shows it. */
static void folder_of(const struct search *s, const struct mount *m, const char *group,
		      char out[CGROUP_PATH_MAX])
{
	size_t root = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
	bool shown = strncmp(group, m->root, root) == 0 && !strstr(group, "/..") &&
		     (group[root] == '/' || group[root] == 0);
	const char *rest = shown ? group + root : "";
	snprintf(out, CGROUP_PATH_MAX, "%s%s%s", s->root, m->at,
		 strcmp(rest, "/") == 0 ? "" : rest);
}

static void make_folders(const char *path, size_t from)
{
	char copy[CGROUP_PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy + from, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(copy, 0755);
		*slash = '/';
	}
	mkdir(copy, 0755);
}

static void complain(struct cgroups *all, const char *what, const char *why)
{
	if (!*all->why)
		snprintf(all->why, sizeof(all->why), "%.70s: %s", what, why);
}

static struct cgroup_place *add_place(struct cgroups *all, const char *base, bool v2)
{
	char path[CGROUP_PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/sluice", base) >= (int)sizeof(path))
		return NULL;
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->place[i].path, path) == 0)
			return &all->place[i];
	if (all->n == CGROUP_PLACES_MAX)
		return NULL;
	if ((mkdir(path, 0755) < 0 && errno != EEXIST) || access(path, W_OK) < 0) {
		complain(all, path, strerror(errno));
		return NULL;
	}
	struct cgroup_place *p = &all->place[all->n++];
	*p = (struct cgroup_place){.v2 = v2};
	snprintf(p->path, sizeof(p->path), "%s", path);
	return p;
}

/* ---- version 1 ---- */

static void look_at_v1(struct search *s, const struct mount *m)
{
	for (size_t i = 0; i < countof(controllers); i++) {
		char group[CGROUP_PATH_MAX], base[CGROUP_PATH_MAX];
		if (!has_word(m->options, strlen(m->options), ',', controllers[i].name) ||
		    cgroups_parts(s->found) & controllers[i].part)
			continue;
		if (*s->under)
			snprintf(group, sizeof(group), "%s", s->under);
		else if (!own_group(s->groups, controllers[i].name, group))
			continue;
		folder_of(s, m, group, base);
		if (*s->under)
			make_folders(base, strlen(s->root) + strlen(m->at));
		struct cgroup_place *p = add_place(s->found, base, false);
		if (p)
			p->parts |= controllers[i].part;
	}
}

/* ---- version 2 ---- */

/** Move all processes of `base` into its group `gateway`; but not those of others, unless
 * the place was chosen for us. */
static bool clear_out(const char *base, bool chosen, struct cgroups *all)
{
	char path[CGROUP_PATH_MAX + 16], leaf[CGROUP_PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/cgroup.procs", base);
	snprintf(leaf, sizeof(leaf), "%s/gateway", base);
	char *list = read_text(path), *end;
	bool good = list, ours = true;
	for (char *at = list; at && *at && ours; at = end + (*end == '\n')) {
		long pid = strtol(at, &end, 10);
		ours = end != at && (chosen || pid == getpid() || pid == getppid());
	}
	if (!ours)
		complain(all, base, "other processes are in it");
	good = good && ours && (mkdir(leaf, 0755) == 0 || errno == EEXIST);
	for (char *at = list; good && *at; at += strcspn(at, "\n"), at += *at == '\n') {
		char pid[24];
		snprintf(pid, sizeof(pid), "%ld", strtol(at, NULL, 10));
		good = write_text(leaf, "cgroup.procs", pid) || errno == ESRCH;
	}
	free(list);
	return good;
}

/** Hand the controllers that `base` has down to `base`/sluice and to the groups in it. */
static unsigned hand_down(const char *base, const char *below)
{
	char path[CGROUP_PATH_MAX + 32], word[16];
	unsigned parts = 0;
	for (size_t i = 0; i < countof(controllers); i++) {
		snprintf(word, sizeof(word), "+%s", controllers[i].name);
		if (controllers[i].part == CGROUP_TREE ||
		    !write_text(base, "cgroup.subtree_control", word))
			continue;
		snprintf(path, sizeof(path), "%s/cgroup.controllers", below);
		char *have = read_text(path);
		for (char *at = have; at && (at = strchr(at, '\n'));)
			*at = ' ';
		if (have && has_word(have, strlen(have), ' ', controllers[i].name) &&
		    write_text(below, "cgroup.subtree_control", word))
			parts |= controllers[i].part;
		free(have);
	}
	return parts;
}

/** Which of ours does a group have? */
static bool has_controllers(const char *base)
{
	char path[CGROUP_PATH_MAX + 32];
	bool any = false;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", base);
	char *have = read_text(path);
	for (char *at = have; at && (at = strchr(at, '\n'));)
		*at = ' ';
	for (size_t i = 0; have && i < countof(controllers); i++)
		any |= has_word(have, strlen(have), ' ', controllers[i].name);
	free(have);
	return any;
}

static bool is_top(const char *base)
{
	char path[CGROUP_PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/cgroup.type", base);
	return access(path, F_OK) < 0;
}

static void look_at_v2(struct search *s, const struct mount *m)
{
	char group[CGROUP_PATH_MAX], base[CGROUP_PATH_MAX];
	if (*s->under)
		snprintf(group, sizeof(group), "%s", s->under);
	else if (!own_group(s->groups, "", group))
		return;
	folder_of(s, m, group, base);
	if (*s->under)
		make_folders(base, strlen(s->root) + strlen(m->at));
	struct cgroup_place *p = add_place(s->found, base, true);
	if (!p)
		return;
	p->parts |= CGROUP_TREE;
	if (has_controllers(base) && (is_top(base) || clear_out(base, *s->under, s->found)))
		p->parts |= hand_down(base, p->path);
}

/* ---- both ---- */

static void look_at_mounts(struct search *s, const char *mounts, const char *type,
			   void (*look)(struct search *s, const struct mount *m))
{
	for (const char *line = mounts; *line;) {
		struct mount m;
		size_t len = strcspn(line, "\n");
		if (read_mount(line, len, &m) && strcmp(m.type, type) == 0)
			look(s, &m);
		line += len + (line[len] == '\n');
	}
}

void cgroups_find(const char *root, const char *under, struct cgroups *ret)
{
	char path[CGROUP_PATH_MAX];
	*ret = (struct cgroups){0};
	struct search s = {.root = root, .under = under, .found = ret};
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	s.groups = read_text(path);
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	char *mounts = read_text(path);
	if (s.groups && mounts) {
		/* Version 2 first: it ends a whole group with one word. */
		look_at_mounts(&s, mounts, "cgroup2", look_at_v2);
		look_at_mounts(&s, mounts, "cgroup", look_at_v1);
	}
	free(mounts);
	free(s.groups);
	if (cgroups_parts(ret) == CGROUP_ALL)
		ret->why[0] = 0;
	else
		complain(ret, "cgroups", "not all of memory, cpu and pids are there");
}

void cgroups_leave(const struct cgroups *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		const struct cgroup_place *p = &all->place[i];
		if (!p->v2 || p->parts == CGROUP_TREE)
			rmdir(p->path); /* not while it holds the groups of replicas */
	}
}

unsigned cgroups_parts(const struct cgroups *all)
{
	unsigned parts = 0;
	for (unsigned i = 0; i < all->n; i++)
		parts |= all->place[i].parts;
	return parts;
}

const char *cgroups_say(unsigned parts, char out[64])
{
	snprintf(out, 64, "%s%s%s%s", parts & CGROUP_MEMORY ? ", memory" : "",
		 parts & CGROUP_CPU ? ", cpu" : "", parts & CGROUP_PIDS ? ", pids" : "",
		 parts & CGROUP_TREE ? ", whole groups" : "");
	return *out ? out + 2 : "none"; /* without the first comma */
}
