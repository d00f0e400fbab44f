/* What the table of settings looks like to people: the file in force, the sample, the manual. */
#include "cli/config_table.h"
#include "core/json/index.h"

enum { NAME_MAX_BYTES = 256, INDENT = 2, TEXT_MAX = 1 << 20 };

/* How deep a section's keys are indented: "engines.local" twice. */
static int depth_of(const char *section)
{
	int depth = *section ? 1 : 0;
	for (; *section; section++)
		depth += *section == '.';
	return depth;
}

static void add_indent(struct buf *to, int depth) { buf_addf(to, "%*s", depth * INDENT, ""); }

static void print_heading(const struct config_section *section, struct buf *to)
{
	int depth = depth_of(section->name);
	const char *dot = strrchr(section->name, '.');
	if (!depth)
		return;
	add_indent(to, depth - 1);
	buf_addf(to, "%s:\n", dot ? dot + 1 : section->name);
}

void config_print(const struct config *config, struct buf *to)
{
	for (size_t s = 0; s < config_section_count; s++) {
		const struct config_section *section = &config_sections[s];
		print_heading(section, to);
		for (size_t k = 0; k < section->n; k++) {
			add_indent(to, depth_of(section->name));
			buf_addf(to, "%s: ", section->key[k].name);
			config_value_print(config, &section->key[k], to);
			buf_add_char(to, '\n');
		}
	}
}

/* ---- names in the environment that nobody reads ---- */

static bool is_setting(struct bytes name)
{
	for (size_t s = 0; s < config_section_count; s++)
		for (size_t k = 0; k < config_sections[s].n; k++) {
			scoped(buf_finip) struct buf known;
			buf_init(&known, NAME_MAX_BYTES);
			config_env_name(&config_sections[s], &config_sections[s].key[k], &known);
			if (bytes_eq(name, buf_bytes(&known)))
				return true;
		}
	return bytes_is(name, "SLUICE_SERVER") || bytes_is(name, "SLUICE_TOKEN") ||
	       bytes_is(name, "SLUICE_CACERT") || bytes_is(name, "SLUICE_CERT") ||
	       bytes_is(name, "SLUICE_KEY");
}

void config_foreign(char *const *env, struct buf *to)
{
	for (; env && *env; env++) {
		struct bytes name = bytes_of(*env, strcspn(*env, "="));
		if (bytes_starts(name, "SLUICE_") && !is_setting(name)) {
			buf_add_str(to, to->len ? ", " : "");
			buf_add_bytes(to, name);
		}
	}
}

/* ---- what a reload changes ---- */

static bool differs(const struct config *a, const struct config *b, const struct config_key *key)
{
	scoped(buf_finip) struct buf one = {0}, other = {0};
	buf_init(&one, TEXT_MAX);
	buf_init(&other, TEXT_MAX);
	config_value_print(a, key, &one);
	config_value_print(b, key, &other);
	return one.rc || other.rc || !bytes_eq(buf_bytes(&one), buf_bytes(&other));
}

void config_changes(const struct config *old, const struct config *fresh, bool live, struct buf *to)
{
	for (size_t s = 0; s < config_section_count; s++)
		for (size_t k = 0; k < config_sections[s].n; k++) {
			const struct config_key *key = &config_sections[s].key[k];
			if (key->live != live || !differs(old, fresh, key))
				continue;
			buf_add_str(to, to->len ? " " : "");
			config_key_name(&config_sections[s], key, to);
		}
}

void config_difference(const struct config *old, const struct config *fresh,
		       const struct config *shown, struct buf *to)
{
	const char *between = "";
	buf_add_char(to, '{');
	for (size_t s = 0; s < config_section_count; s++)
		for (size_t k = 0; k < config_sections[s].n; k++) {
			const struct config_key *key = &config_sections[s].key[k];
			scoped(buf_finip) struct buf text = {0};
			if (old && !differs(old, fresh, key))
				continue;
			buf_init(&text, TEXT_MAX);
			buf_addf(to, "%s\"", between);
			config_key_name(&config_sections[s], key, to);
			buf_add_str(to, "\":");
			config_value_print(shown, key, &text);
			bool secret = memmem(text.at, text.len, "@", 1) != NULL;
			json_quote(to, secret ? BYTES("***") : buf_bytes(&text));
			between = ",";
		}
	buf_add_char(to, '}');
}

/* ---- the sample file ---- */

static void sample_key(const struct config_section *section, const struct config_key *key,
		       struct buf *to)
{
	int depth = depth_of(section->name);
	size_t before = to->len;
	add_indent(to, depth);
	buf_addf(to, "# %s", key->help);
	if (to->rc || to->len == before)
		return;
	buf_add_str(to, " (");
	config_type_print(key, to);
	before = to->len;
	buf_add_str(to, ", ");
	size_t behind = to->len;
	config_range_print(key, to);
	if (to->len == behind)
		to->len = before;
	buf_add_str(to, ")\n");
	add_indent(to, depth);
	buf_addf(to, "#%s: ", key->name);
	if (config_is_list(key))
		buf_addf(to, "[%s]\n", key->standard);
	else
		buf_addf(to, *key->standard ? "%s\n" : "\"%s\"\n", key->standard);
}

void config_sample(struct buf *to)
{
	buf_add_str(to,
		    "# Configuration of sluiced. Every line that begins with # and a name is a\n"
		    "# setting at its default: take the # away to change it.\n"
		    "# sluiced --config THIS --check-config tells what is wrong with it.\n\n");
	for (size_t s = 0; s < config_section_count; s++) {
		const struct config_section *section = &config_sections[s];
		if (*section->name) {
			int depth = depth_of(section->name) - 1;
			buf_add_str(to, depth ? "" : "\n");
			add_indent(to, depth);
			buf_addf(to, "# %s\n", section->help);
			print_heading(section, to);
		}
		for (size_t k = 0; k < section->n; k++)
			sample_key(section, &section->key[k], to);
	}
}

/* ---- the manual ---- */

/* Text within a Markdown table: a bar would end the cell. */
static void add_cell(struct buf *to, const char *text)
{
	for (; *text; text++)
		if (*text == '|')
			buf_add_str(to, "\\|");
		else
			buf_add_char(to, *text);
}

static void manual_key(const struct config_section *section, const struct config_key *key,
		       struct buf *to)
{
	buf_add_str(to, "| `");
	config_key_name(section, key, to);
	buf_add_str(to, "` | ");
	config_type_print(key, to);
	buf_add_str(to, " | ");
	config_range_print(key, to);
	buf_addf(to, *key->standard ? " | `%s` | " : " | %sempty | ", key->standard);
	add_cell(to, key->help);
	buf_add_str(to, key->live ? " *(live)*" : "");
	buf_add_str(to, " |\n");
}

static const char manual_head[] =
	"# Configuration\n"
	"\n"
	"<!-- Made by `config-text manual` from the table in cli/config_table.c: change it there. "
	"-->\n"
	"\n"
	"`sluiced` needs no configuration. To change something, write a YAML file and start\n"
	"`sluiced --config FILE`. `sluiced --sample-config` prints a file with every setting at "
	"its\n"
	"default; `sluiced --check-config` reads everything, says what is wrong with its line, "
	"and\n"
	"prints the settings in force.\n"
	"\n"
	"A value comes from the first of these that has it:\n"
	"\n"
	"1. the command line (`--data`, `--listen`);\n"
	"2. the environment: `SLUICE_` and the setting's name in capitals, dots as underscores:\n"
	"   `SLUICE_LIMITS_BODY=2MiB`. List elements stand between commas. An empty variable "
	"counts\n"
	"   as not set; variables that name no setting are not looked at (`--check-config` lists "
	"them);\n"
	"3. the file;\n"
	"4. the default.\n"
	"\n"
	"An unknown key, a key twice, a value of the wrong form or out of range is an error, told "
	"with\n"
	"its line; then `sluiced` does not start (exit code 78), and a reload keeps what was "
	"before.\n"
	"Relative paths start where `sluiced` was started.\n"
	"\n"
	"SIGHUP reads everything again. Settings marked *live* take effect then; the log names\n"
	"changed ones that wait for a restart.\n"
	"\n"
	"- **size**: bytes, or a whole number with `KiB`, `MiB`, `GiB`, `TiB`: `1 MiB`, `64KiB`, "
	"`4096`.\n"
	"- **duration**: seconds, or a whole number with `ms`, `s`, `min`, `h`, `d`: `500ms`, `10 "
	"s`.\n"
	"- **list**: `[a, b]`.\n"
	"- YAML is read as in YAML 1.2: `true` and `false` are the truth values, `yes` is a "
	"text.\n";

void config_manual(struct buf *to)
{
	buf_add_str(to, manual_head);
	for (size_t s = 0; s < config_section_count; s++) {
		const struct config_section *section = &config_sections[s];
		buf_addf(to, "\n## %s\n\n%s\n\n", *section->name ? section->name : "Outermost keys",
			 section->help);
		buf_add_str(to, "| key | type | range | default | what it is |\n"
				"|---|---|---|---|---|\n");
		for (size_t k = 0; k < section->n; k++)
			manual_key(section, &section->key[k], to);
	}
}
