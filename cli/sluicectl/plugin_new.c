/* `plugin new`: a project for a plugin, that runs, tests and registers itself. */
#include "cli/sluicectl/ctl.h"
#include "cli/sluicectl/plugin_files.h"
#include "cli/sluicectl/plugin_kind.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LEN_MAX = 63, FILE_MAX = 1 << 20, PATH_LEN_MAX = 4096 };

struct plugin_new {
	const char *author, *folder;
};

/* What stands for the placeholders. */
struct fill {
	const char *name, *ident, *type, *path, *author;
};

static const struct command_option options[] = {
	{"author", 'a', "NAME", OPTION_TEXT, offsetof(struct plugin_new, author),
	 "who registers it (me)", NULL, NULL},
	{"into", 0, "FOLDER", OPTION_TEXT, offsetof(struct plugin_new, folder),
	 "where to; must not exist yet (./NAME)", NULL, NULL},
};

/* Names of features are names of files, modules and programs here as well. */
static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return len > 0 && len <= NAME_LEN_MAX && name[len] == '\0' && islower(name[0]) &&
	       name[len - 1] != '-';
}

/* `text` with its placeholders filled in. */
static void fill_in(struct buf *to, struct bytes text, const struct fill *fill)
{
	const struct {
		const char *mark, *value;
	} known[] = {{"@NAME@", fill->name},
		     {"@IDENT@", fill->ident},
		     {"@TYPE@", fill->type},
		     {"@PATH@", fill->path},
		     {"@AUTHOR@", fill->author}};
	for (size_t at = 0; at < text.len;) {
		size_t i = 0;
		for (; i < countof(known); i++)
			if (text.len - at >= strlen(known[i].mark) &&
			    memcmp(text.at + at, known[i].mark, strlen(known[i].mark)) == 0)
				break;
		if (i < countof(known)) {
			buf_add_str(to, known[i].value);
			at += strlen(known[i].mark);
		} else {
			buf_add_char(to, ((const char *)text.at)[at++]);
		}
	}
}

static int cannot(const char *path)
{
	return ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
}

/* The folders that the file lies in, below what is there. */
static int make_folders(char *path, size_t from)
{
	for (size_t i = from; path[i]; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		int rc = mkdir(path, 0777);
		int problem = rc && errno != EEXIST ? cannot(path) : CTL_DONE;
		path[i] = '/';
		if (problem)
			return problem;
	}
	return CTL_DONE;
}

static int write_whole(const char *path, struct bytes text)
{
	FILE *file = fopen(path, "wx");
	if (!file)
		return cannot(path);
	bool good = text.len == 0 || fwrite(text.at, 1, text.len, file) == text.len;
	if (fclose(file) || !good)
		return cannot(path);
	return CTL_DONE;
}

static int write_file(const struct plugin_file *file, const char *folder, const struct fill *fill)
{
	scoped(buf_finip) struct buf path = {0};
	scoped(buf_finip) struct buf text = {0};
	struct bytes raw = {file->text, file->len};
	buf_init(&path, PATH_LEN_MAX);
	buf_init(&text, FILE_MAX);
	buf_addf(&path, "%s/", folder);
	fill_in(&path, bytes_of(file->path, strlen(file->path)), fill);
	if (file->is_template)
		fill_in(&text, raw, fill);
	else
		buf_add_bytes(&text, raw);
	if (path.rc || text.rc)
		return ctl_no_memory();
	const char *whole = buf_str(&path); /* ends the text, which make_folders() cuts and mends */
	int code = make_folders(path.at, strlen(folder) + 1);
	return code ? code : write_whole(whole, buf_bytes(&text));
}

static bool belongs(const struct plugin_file *file, const char *language, const char *type)
{
	return (!file->language || strcmp(file->language, language) == 0) &&
	       (!file->type || strcmp(file->type, type) == 0);
}

static bool is_language(const char *language)
{
	for (size_t i = 0; i < plugin_file_count; i++)
		if (plugin_files[i].language && strcmp(plugin_files[i].language, language) == 0)
			return true;
	return false;
}

static int write_project(const char *language, const char *folder, const struct fill *fill)
{
	if (mkdir(folder, 0777)) {
		bool there = errno == EEXIST;
		int code = cannot(folder);
		if (there)
			ctl_next("choose another name, or another place: --into FOLDER");
		return code;
	}
	for (size_t i = 0; i < plugin_file_count; i++) {
		if (!belongs(&plugin_files[i], language, fill->type))
			continue;
		int code = write_file(&plugin_files[i], folder, fill);
		if (code)
			return code;
	}
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct plugin_new *o = ctl->options;
	const char *language = ctl->args[0], *name = ctl->args[2];
	const struct plugin_kind *type = plugin_kind_find(ctl->args[1]);
	char ident[NAME_LEN_MAX + 1];
	if (!is_language(language))
		return ctl_fail(CTL_USAGE,
				"%s: there is no SDK for it; there are python, node, go "
				"and c, as in `plugin new python gate %s`",
				language, is_name(name) ? name : "my-gate");
	if (!type)
		return plugin_kind_unknown(ctl->args[1]);
	if (!is_name(name))
		return ctl_fail(
			CTL_USAGE,
			"%s: a name has up to %d of a-z 0-9 -, a letter first, none of them "
			"- at the end",
			name, NAME_LEN_MAX);
	for (size_t i = 0; i <= strlen(name); i++)
		ident[i] = name[i] == '-' ? '_' : name[i];
	const struct fill fill = {name, ident, type->name, type->path,
				  o->author ? o->author : "me"};
	const char *folder = o->folder ? o->folder : name;
	int code = write_project(language, folder, &fill);
	if (code)
		return code;
	printf("%s/: %s %s in %s. Next:\n"
	       "  cd %s\n"
	       "  make test                            # replays calls.json through it\n"
	       "  make register                        # serves and registers it "
	       "(SLUICE_SERVER, SLUICE_TOKEN)\n"
	       "  sluicectl feature on %-16s# in another terminal: a new feature is off\n",
	       folder, type->name[0] == 'A' ? "an" : "a", type->name, language, folder, name);
	return CTL_DONE;
}

const struct command command_plugin_new = {
	.group = "plugin",
	.name = "new",
	.args = "LANGUAGE TYPE NAME",
	.args_min = 3,
	.args_max = 3,
	.arg_hints = "python|node|go|c",
	.arg2_hints = "translator|factors|gate|decorator|binder|hook",
	.summary = "Begin a plugin: a project of your own",
	.about = "LANGUAGE is python, node, go or c. TYPE is translator, factors, gate, decorator, "
		 "binder or hook (or the plugin type's whole name). The project is in a folder of "
		 "its name and needs nothing but its language: the SDK goes along.\n\n"
		 "Example:\n"
		 "  sluicectl plugin new python gate red-gate && cd red-gate && make test",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_new),
	.offline = true,
	.run = run,
};
